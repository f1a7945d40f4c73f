//! A JSON API of realistic shape: a catalogue to list, filter and look things up in, and orders to check and to price. The native server
//! and the guest are compiled from this file, so that they differ in nothing but where they run.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// What the API answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Things of one list at most.
const PAGE_MAX: usize = 50;
/// Lines of one order.
const LINES_MAX: usize = 100;
/// Things in the catalogue.
const THINGS: u32 = 500;
const COLOURS: [&str; 7] = ["amber", "azure", "coral", "ivory", "jade", "ochre", "slate"];
const KINDS: [&str; 5] = ["chair", "desk", "lamp", "rug", "shelf"];

#[derive(Debug, Clone, Serialize)]
struct Thing {
    id: u32,
    name: String,
    kind: &'static str,
    colour: &'static str,
    price_cents: u64,
    stock: u32,
    tags: Vec<&'static str>,
    size: Size,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Size {
    width_mm: u32,
    depth_mm: u32,
    height_mm: u32,
}

#[derive(Debug, Serialize)]
struct Page {
    total: usize,
    offset: usize,
    things: Vec<Thing>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    customer: Customer,
    lines: Vec<Line>,
    #[serde(default)]
    voucher: Option<String>,
    #[serde(default)]
    delivery: Delivery,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Customer {
    name: String,
    email: String,
    country: String,
    #[serde(default)]
    website: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    thing: u32,
    count: u32,
    #[serde(default)]
    made_to: Option<Size>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Delivery {
    #[default]
    Post,
    Courier,
    Collect,
}

#[derive(Debug, Serialize)]
struct Priced {
    number: String,
    customer: String,
    lines: Vec<PricedLine>,
    delivery: Delivery,
    goods_cents: u64,
    rebate_cents: u64,
    delivery_cents: u64,
    tax_cents: u64,
    total_cents: u64,
}

#[derive(Debug, Serialize)]
struct PricedLine {
    thing: u32,
    name: String,
    count: u32,
    cents: u64,
}

#[derive(Debug, Serialize)]
struct Problem<'a> {
    error: &'a str,
    detail: String,
}

/// Answers one request; `target` is the path with its query.
#[must_use]
pub fn answer(method: &str, target: &str, body: &[u8]) -> Reply {
    let Ok(url) = Url::parse(&format!("http://catalogue{target}")) else {
        return problem(400, "malformed target", format!("`{target}` is no path"));
    };
    let path = url.path();
    let mut segments = path.trim_start_matches("/api").trim_matches('/').split('/');
    match (method, segments.next(), segments.next(), segments.next()) {
        ("GET", Some("things"), None, None) => list(&url),
        ("GET", Some("things"), Some(id), None) => match id.parse().ok().and_then(thing) {
            Some(thing) => json(200, &thing),
            None => problem(404, "no such thing", format!("there is no thing `{id}`")),
        },
        ("POST", Some("orders"), None, None) => match serde_json::from_slice::<Order>(body) {
            Ok(order) => price(&order),
            Err(error) => problem(400, "malformed order", error.to_string()),
        },
        (_, Some("things" | "orders"), ..) => problem(405, "method not allowed", format!("`{method}` is not for `{path}`")),
        _ => problem(404, "no such page", format!("there is nothing at `{path}`")),
    }
}

fn list(url: &Url) -> Reply {
    let (mut kind, mut colour, mut cents_max, mut offset, mut count) = (None, None, u64::MAX, 0, 20);
    for (name, value) in url.query_pairs() {
        let understood = match &*name {
            "kind" => KINDS.iter().find(|known| **known == value).map(|known| kind = Some(*known)),
            "colour" => COLOURS.iter().find(|known| **known == value).map(|known| colour = Some(*known)),
            "cents_max" => value.parse().ok().map(|number| cents_max = number),
            "offset" => value.parse().ok().map(|number| offset = number),
            "count" => value.parse().ok().map(|number: usize| count = number.min(PAGE_MAX)),
            _ => None,
        };
        if understood.is_none() {
            return problem(400, "malformed query", format!("`{name}={value}` is not understood"));
        }
    }
    let wanted = |thing: &Thing| {
        kind.is_none_or(|kind| thing.kind == kind) && colour.is_none_or(|colour| thing.colour == colour) && thing.price_cents <= cents_max
    };
    let mut things: Vec<Thing> = (1..=THINGS).filter_map(thing).filter(wanted).collect();
    things.sort_by(|a, b| a.price_cents.cmp(&b.price_cents).then_with(|| a.name.cmp(&b.name)));
    let total = things.len();
    json(200, &Page { total, offset, things: things.into_iter().skip(offset).take(count).collect() })
}

/// The thing with this id; everything about it follows from the id.
fn thing(id: u32) -> Option<Thing> {
    if id == 0 || id > THINGS {
        return None;
    }
    let mixed = id.wrapping_mul(2_654_435_761);
    let colour = COLOURS.get(mixed as usize % COLOURS.len())?;
    let kind = KINDS.get((mixed >> 8) as usize % KINDS.len())?;
    let tags = ["new", "oak", "outdoor", "sale"].into_iter().enumerate();
    Some(Thing {
        id,
        name: format!("{kind} “{colour}” no. {id}"),
        kind,
        colour,
        price_cents: u64::from(mixed >> 16) % 90_000 + 900,
        stock: (mixed >> 4) % 40,
        tags: tags.filter(|(bit, _)| mixed >> bit & 1 == 1).map(|(_, tag)| tag).collect(),
        size: Size { width_mm: 300 + mixed % 900, depth_mm: 200 + (mixed >> 3) % 700, height_mm: 100 + (mixed >> 6) % 1_900 },
    })
}

fn price(order: &Order) -> Reply {
    if order.customer.name.trim().is_empty() || !is_mailable(&order.customer.email) {
        return problem(422, "no customer", "a name and an address for mail are needed".to_owned());
    }
    if let Some(website) = order.customer.website.as_deref().filter(|website| Url::parse(website).is_err()) {
        return problem(422, "no website", format!("`{website}` is no URL"));
    }
    if order.lines.is_empty() || order.lines.len() > LINES_MAX {
        return problem(422, "no lines", format!("an order has 1 to {LINES_MAX} lines, this one has {}", order.lines.len()));
    }
    let mut lines = Vec::with_capacity(order.lines.len());
    for line in &order.lines {
        let Some(thing) = thing(line.thing) else {
            return problem(422, "no such thing", format!("there is no thing `{}`", line.thing));
        };
        if line.count == 0 || line.count > thing.stock + 10 {
            return problem(422, "not in stock", format!("{} of `{}` cannot be had", line.count, thing.name));
        }
        let mut cents = thing.price_cents * u64::from(line.count);
        if let Some(size) = &line.made_to {
            cents += cents * u64::from(size.width_mm.max(size.depth_mm).max(size.height_mm)) / 10_000;
        }
        lines.push(PricedLine { thing: line.thing, name: thing.name, count: line.count, cents });
    }
    let goods_cents: u64 = lines.iter().map(|line| line.cents).sum();
    let rebate_cents = order.voucher.as_deref().map_or(0, |voucher| goods_cents * (checksum(voucher) % 20) / 100);
    let delivery_cents = match order.delivery {
        Delivery::Post => 490,
        Delivery::Courier => 1_990,
        Delivery::Collect => 0,
    };
    let tax_percent = 15 + checksum(&order.customer.country) % 10;
    let net_cents = goods_cents - rebate_cents + delivery_cents;
    let tax_cents = net_cents * tax_percent / 100;
    let number = format!("{:08x}-{}", checksum(&order.customer.email) & 0xffff_ffff, lines.len());
    let customer = format!("{} <{}>", order.customer.name.trim(), order.customer.email.to_lowercase());
    let total_cents = net_cents + tax_cents;
    json(
        200,
        &Priced { number, customer, lines, delivery: order.delivery, goods_cents, rebate_cents, delivery_cents, tax_cents, total_cents },
    )
}

/// Whether mail could go there, as far as the text tells.
fn is_mailable(address: &str) -> bool {
    let parts = address.rsplit_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && matches!(Host::parse(host), Ok(Host::Domain(domain)) if domain.contains('.')))
}

/// FNV-1a: any number that depends on every byte would do.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn json(status: u16, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => Reply { status, body },
        Err(error) => Reply { status: 500, body: error.to_string().into_bytes() },
    }
}

fn problem(status: u16, error: &str, detail: String) -> Reply {
    json(status, &Problem { error, detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = r#"{"customer":{"name":"Ada","email":"Ada@example.com","country":"NO","website":"https://ada.example.com/"},
        "lines":[{"thing":7,"count":2},{"thing":11,"count":1,"made_to":{"width_mm":900,"depth_mm":400,"height_mm":700}}],
        "voucher":"SPRING","delivery":"courier"}"#;

    #[track_caller]
    fn check(method: &str, target: &str, body: &str, status: u16, part: &str) {
        let reply = answer(method, target, body.as_bytes());
        let text = String::from_utf8(reply.body).unwrap();
        assert_eq!(reply.status, status, "{text}");
        assert!(text.contains(part), "{text}");
    }

    #[test]
    fn the_catalogue_is_listed_and_filtered() {
        check("GET", "/api/things?count=2", "", 200, "\"total\":500,\"offset\":0");
        check("GET", "/api/things?kind=lamp&colour=jade&cents_max=50000", "", 200, "“jade”");
        check("GET", "/api/things/7", "", 200, "\"id\":7");
        check("GET", "/api/things/501", "", 404, "no such thing");
        check("GET", "/api/things?size=3", "", 400, "is not understood");
    }

    #[test]
    fn orders_are_checked_and_priced() {
        check("POST", "/api/orders", ORDER, 200, "\"customer\":\"Ada <ada@example.com>\"");
        check("POST", "/api/orders", &ORDER.replace("\"thing\":7", "\"thing\":0"), 422, "no such thing");
        check("POST", "/api/orders", &ORDER.replace("Ada@example.com", "Ada@"), 422, "no customer");
        check("POST", "/api/orders", "{}", 400, "missing field");
        check("PUT", "/api/orders", "", 405, "not allowed");
        check("GET", "/", "", 404, "no such page");
    }

    #[test]
    fn the_sum_is_the_sum_of_its_parts() {
        let reply = answer("POST", "/api/orders", ORDER.as_bytes());
        let priced: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        let cents = |name: &str| priced[name].as_u64().unwrap();
        let net = cents("goods_cents") - cents("rebate_cents") + cents("delivery_cents");
        assert_eq!(cents("total_cents"), net + cents("tax_cents"));
    }
}
