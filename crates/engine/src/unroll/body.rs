//! The body of one function.

use wasm_encoder::{BlockType, Encode as _, Instruction, ValType};
use wasmparser::{BinaryReaderError, FunctionBody, Operator};

/// Instructions of the turns inside one loop, all copies together.
const INSIDE_MAX: usize = 128;
/// Turns inside one loop.
const TURNS_INSIDE_MAX: usize = 16;
/// Instructions of the turns before one loop, all copies together.
const BEFORE_MAX: usize = 256;
/// Turns before one loop.
const TURNS_BEFORE_MAX: usize = 2;
/// Bytes of a function's body, which is the bound of every WebAssembly engine that keeps to the limits of the JavaScript interface.
const BODY_BYTES_MAX: usize = 7_654_321;

/// A loop to be written out: where its head and its end stand among the operators, and how often its body is written.
#[derive(Debug, Clone, Copy)]
struct Loop {
    head: usize,
    end: usize,
    result: BlockType,
    /// Turns that go before the loop, so that one that takes few never comes to its head.
    before: usize,
    /// Turns inside the loop, so that its head is come to once for several; 1 leaves it as it was.
    inside: usize,
}

/// The body of `function`, which stands in `module`, with its small loops written out; `None` where it has none, or would be too long.
pub(super) fn unroll(function: &FunctionBody<'_>, module: &[u8]) -> Result<Option<Vec<u8>>, BinaryReaderError> {
    let operators = function.get_operators_reader()?.into_iter_with_offsets().collect::<Result<Vec<_>, _>>()?;
    let loops = loops(&operators);
    let Some((_, begins)) = operators.first().filter(|_| !loops.is_empty()) else { return Ok(None) };
    let range = function.range();
    let mut body = Body { module, operators: &operators, end: range.end, bytes: Vec::with_capacity(range.len().saturating_mul(2)) };
    // The locals.
    body.bytes.extend_from_slice(module.get(range.start..*begins).unwrap_or_default());
    let mut written = 0;
    for one in &loops {
        body.copy(written, one.head);
        body.unroll(one);
        written = one.end + 1;
    }
    body.copy(written, operators.len());
    Ok(Some(body.bytes).filter(|bytes| bytes.len() <= BODY_BYTES_MAX))
}

/// The loops that are written out: short ones without parameters, and with nothing but ordinary operators inside.
fn loops(operators: &[(Operator<'_>, usize)]) -> Vec<Loop> {
    let mut found = Vec::new();
    // The loop that was opened last, while it may be written out, and how many blocks are open inside it.
    let mut open: Option<(usize, BlockType)> = None;
    let mut depth = 0_usize;
    for (index, (operator, _)) in operators.iter().enumerate() {
        match operator {
            Operator::Loop { blockty } => {
                open = result(*blockty).map(|result| (index, result));
                depth = 0;
            }
            Operator::Block { .. } | Operator::If { .. } => depth += 1,
            Operator::End if depth > 0 => depth -= 1,
            Operator::End => {
                if let Some((head, result)) = open.take() {
                    let length = index - head;
                    let before = (BEFORE_MAX / length).min(TURNS_BEFORE_MAX);
                    let inside = (INSIDE_MAX / length).clamp(1, TURNS_INSIDE_MAX);
                    if before > 0 {
                        found.push(Loop { head, end: index, result, before, inside });
                    }
                }
            }
            operator if !is_ordinary(operator) => open = None,
            _ => {}
        }
    }
    found
}

/// The result of a block that has no parameters, and at most one number as its result.
fn result(ty: wasmparser::BlockType) -> Option<BlockType> {
    use wasmparser::{BlockType as Type, ValType as Value};
    match ty {
        Type::Empty => Some(BlockType::Empty),
        Type::Type(Value::I32) => Some(BlockType::Result(ValType::I32)),
        Type::Type(Value::I64) => Some(BlockType::Result(ValType::I64)),
        Type::Type(Value::F32) => Some(BlockType::Result(ValType::F32)),
        Type::Type(Value::F64) => Some(BlockType::Result(ValType::F64)),
        Type::Type(_) | Type::FuncType(_) => None,
    }
}

/// Whether an operator takes no longer than a few of the machine's instructions, and has no labels but those that [`Body::turn`] knows.
fn is_ordinary(operator: &Operator<'_>) -> bool {
    macro_rules! of_proposal {
        (mvp) => {
            true
        };
        (sign_extension) => {
            true
        };
        (saturating_float_to_int) => {
            true
        };
        (simd) => {
            true
        };
        ($other:ident) => {
            false
        };
    }
    macro_rules! of_any {
        ($(@$proposal:ident $operator:ident $({ $($argument:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
            match operator {
                $(Operator::$operator { .. } => of_proposal!($proposal),)*
                _ => false,
            }
        };
    }
    let is_long = matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::MemoryGrow { .. });
    !is_long && wasmparser::for_each_operator!(of_any)
}

/// A body that is being written.
struct Body<'a> {
    module: &'a [u8],
    operators: &'a [(Operator<'a>, usize)],
    /// Where the last operator ends.
    end: usize,
    bytes: Vec<u8>,
}

impl Body<'_> {
    /// Operators as they stand.
    fn copy(&mut self, from: usize, to: usize) {
        let place = |index: usize| self.operators.get(index).map_or(self.end, |(_, place)| *place);
        self.bytes.extend_from_slice(self.module.get(place(from)..place(to)).unwrap_or_default());
    }

    fn write(&mut self, instruction: &Instruction<'_>) {
        instruction.encode(&mut self.bytes);
    }

    /// A loop whose turns are written one after the other, first before it and then inside it: what begins the next turn leaves a block
    /// around this one, and what leaves the loop leaves a block around all.
    fn unroll(&mut self, one: &Loop) {
        self.write(&Instruction::Block(one.result));
        for _ in 0..one.before {
            self.turn_in_block(one, 1);
        }
        self.write(&Instruction::Loop(one.result));
        for _ in 1..one.inside {
            self.turn_in_block(one, 2);
        }
        self.turn(one, 1);
        self.write(&Instruction::End);
        self.write(&Instruction::End);
    }

    /// One turn in a block of its own, which is followed by the next turn; `leave` is the label, from inside that block, of the one around
    /// all.
    fn turn_in_block(&mut self, one: &Loop, leave: u32) {
        self.write(&Instruction::Block(BlockType::Empty));
        self.turn(one, leave);
        self.write(&Instruction::Br(leave));
        self.write(&Instruction::End);
    }

    /// One turn, with `more` blocks around it that were not there.
    fn turn(&mut self, one: &Loop, more: u32) {
        let mut depth = 0_u32;
        let mut plain = one.head + 1;
        for index in one.head + 1..one.end {
            let Some((operator, _)) = self.operators.get(index) else { return };
            // What leads out of the loop has further to go; what begins its next turn leads to the block that stands where the loop stood.
            let label = |label: u32, depth: u32| if label > depth { label + more } else { label };
            match operator {
                Operator::Block { .. } | Operator::If { .. } => depth += 1,
                Operator::End => depth = depth.saturating_sub(1),
                Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                    let label = label(*relative_depth, depth);
                    let branch = if matches!(operator, Operator::Br { .. }) { Instruction::Br(label) } else { Instruction::BrIf(label) };
                    self.copy(plain, index);
                    self.write(&branch);
                    plain = index + 1;
                }
                Operator::BrTable { targets } => {
                    let labels: Vec<u32> = targets.targets().filter_map(Result::ok).map(|target| label(target, depth)).collect();
                    let table = Instruction::BrTable(labels.into(), label(targets.default(), depth));
                    self.copy(plain, index);
                    self.write(&table);
                    plain = index + 1;
                }
                _ => {}
            }
        }
        self.copy(plain, one.end);
    }
}
