//! Work for the processor, of three kinds: `/sieve` (integers and memory), `/orbits` (floating point), `/digest` (bits). Each takes some ten
//! milliseconds and answers with its result, so that no compiler can leave it out. `/forever` never ends.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Work;

wasip2::http::proxy::export!(Work);

impl Guest for Work {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        // Wherever it is mounted, the last segment names the work.
        let result = match path.rsplit('/').next().unwrap_or_default() {
            "sieve" => sieve(2_000_000).to_string(),
            "orbits" => orbits(60_000).to_string(),
            "digest" => digest(3_000_000).to_string(),
            "forever" => forever().to_string(),
            _ => "there are /sieve, /orbits, /digest and /forever".to_owned(),
        };
        if let Err(error) = respond(out, &result) {
            panic!("the response was not sent: {error}");
        }
    }
}

/// How many primes are below `limit`.
fn sieve(limit: usize) -> usize {
    let mut is_composite = vec![false; limit];
    let mut primes = 0;
    for number in 2..limit {
        if is_composite[number] {
            continue;
        }
        primes += 1;
        let mut multiple = number * number;
        while multiple < limit {
            is_composite[multiple] = true;
            multiple += number;
        }
    }
    primes
}

/// The energy of five bodies after `steps`.
fn orbits(steps: usize) -> f64 {
    let mut bodies: [[f64; 7]; 5] = std::array::from_fn(|index| {
        let angle = index as f64 * 1.3;
        let away = 1.0 + index as f64 * 2.0;
        [angle.cos() * away, angle.sin() * away, index as f64 * 0.1, -angle.sin() * 0.3, angle.cos() * 0.3, 0.01, 1.0 / away]
    });
    for _ in 0..steps {
        for a in 0..bodies.len() {
            for b in a + 1..bodies.len() {
                let [dx, dy, dz] = [0, 1, 2].map(|axis| bodies[a][axis] - bodies[b][axis]);
                let square = dx * dx + dy * dy + dz * dz + 0.01;
                let pull = 0.001 / (square * square.sqrt());
                let (mass_a, mass_b) = (bodies[a][6], bodies[b][6]);
                for (axis, distance) in [dx, dy, dz].into_iter().enumerate() {
                    bodies[a][3 + axis] -= distance * mass_b * pull;
                    bodies[b][3 + axis] += distance * mass_a * pull;
                }
            }
        }
        for body in &mut bodies {
            for axis in 0..3 {
                body[axis] += 0.001 * body[3 + axis];
            }
        }
    }
    bodies.iter().map(|body| body[6] * (body[3] * body[3] + body[4] * body[4] + body[5] * body[5])).sum()
}

/// A digest of `rounds` words that are made on the way.
fn digest(rounds: u64) -> u64 {
    let mut state = [0x9e37_79b9_7f4a_7c15_u64, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 1];
    for round in 0..rounds {
        let mixed = state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9) ^ round;
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3] ^ mixed;
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
    }
    state.iter().fold(0, |sum, word| sum ^ word)
}

fn forever() -> u64 {
    let mut state = 1_u64;
    while state != 0 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) | 1;
    }
    state
}

fn respond(out: ResponseOutparam, text: &str) -> Result<(), String> {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().map_err(|()| "the body was taken before")?;
    ResponseOutparam::set(out, Ok::<_, ErrorCode>(response));
    let stream = body.write().map_err(|()| "the body's stream was taken before")?;
    stream.blocking_write_and_flush(text.as_bytes()).map_err(|error| format!("{error:?}"))?;
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|error| format!("{error:?}"))
}
