use serde_json::json;

use super::*;
use crate::footage::Footage;

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn selector(range: Value) -> Value {
    json!({ "FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": range })
}

fn ask(start: Value, end: Value) -> Result<Range, Refusal> {
    let range = json!({ "StartTimestamp": start, "EndTimestamp": end });
    clip_range(&map(json!({ "ClipFragmentSelector": selector(range) })))
}

#[test]
fn moments_are_seconds_cut_to_milliseconds() {
    let range = ask(json!(1_795_168_860), json!(1_795_168_860.57)).unwrap();
    assert_eq!(range.start, 1_795_168_860_000);
    assert_eq!(range.end, 1_795_168_860_570, "binary fractions lose nothing");
    assert_eq!(range.by, Selector::ServerTimestamp);
    assert_eq!(ask(json!(0), json!(0.0019)).unwrap().end, 1);
}

#[test]
fn moments_that_are_none_are_invalid() {
    for odd in [
        json!("2026-11-20T10:00:00Z"),
        json!(null),
        json!(-1),
        json!(1e300),
        json!({}),
    ] {
        let refusal = ask(json!(0), odd.clone()).unwrap_err();
        assert_eq!(refusal.code, "InvalidArgumentException", "{odd}");
        assert_eq!(refusal.status, 400);
    }
}

#[test]
fn selectors_need_all_their_members() {
    for body in [
        json!({}),
        json!({ "ClipFragmentSelector": 1 }),
        json!({ "ClipFragmentSelector": {} }),
        json!({ "ClipFragmentSelector": { "FragmentSelectorType": "SERVER_TIMESTAMP" } }),
        json!({ "ClipFragmentSelector": { "FragmentSelectorType": "server" } }),
        json!({ "ClipFragmentSelector": selector(json!({ "StartTimestamp": 1 })) }),
    ] {
        assert_eq!(clip_range(&map(body)).unwrap_err().status, 400);
    }
}

#[test]
fn exactly_one_of_name_and_arn_finds_a_stream() {
    let streams = [Stream::builder("a", Footage::h265()).build().unwrap()];
    let find = |body: Value| stream(&map(body), &streams).map(Stream::name);
    let arn = streams[0].arn();
    assert_eq!(find(json!({ "StreamName": "a" })), Ok("a"));
    assert_eq!(find(json!({ "StreamARN": arn })), Ok("a"));
    assert_eq!(find(json!({ "StreamName": null, "StreamARN": arn })), Ok("a"));
    let code = |body| find(body).unwrap_err().code;
    assert_eq!(code(json!({})), "InvalidArgumentException");
    assert_eq!(
        code(json!({ "StreamName": "a", "StreamARN": arn })),
        "InvalidArgumentException"
    );
    assert_eq!(code(json!({ "StreamName": 7 })), "InvalidArgumentException");
    assert_eq!(code(json!({ "StreamName": "b" })), "ResourceNotFoundException");
    let other = arn.replace("1451606400000", "1451606400001");
    assert_eq!(code(json!({ "StreamARN": other })), "ResourceNotFoundException");
}

#[test]
fn a_listing_needs_a_selector_or_a_token() {
    let refusal = |body: Value| page(&map(body)).err().unwrap();
    assert_eq!(refusal(json!({})).status, 500);
    assert_eq!(refusal(json!({ "NextToken": "mine" })).status, 400);
    let backwards = selector(json!({ "StartTimestamp": 2, "EndTimestamp": 1 }));
    assert_eq!(refusal(json!({ "FragmentSelector": backwards })).status, 400);
    let moment = selector(json!({ "StartTimestamp": 2, "EndTimestamp": 2 }));
    assert!(page(&map(json!({ "FragmentSelector": moment }))).is_ok());
}

#[test]
fn pages_hold_1_to_1000_fragments() {
    let most = |value: Value| max_results(&map(json!({ "MaxResults": value })));
    assert_eq!(max_results(&Map::new()), Ok(100));
    assert_eq!((most(json!(1)), most(json!(1000))), (Ok(1), Ok(1_000)));
    for odd in [json!(0), json!(1001), json!(-1), json!(1.5), json!("10")] {
        assert_eq!(most(odd).unwrap_err().status, 400);
    }
}

#[test]
fn bodies_are_objects_or_empty() {
    assert_eq!(object(b""), Ok(Map::new()));
    assert_eq!(object(b"{\"a\": 1}").unwrap().len(), 1);
    for odd in ["[]", "{", "7", "{} x"] {
        assert_eq!(object(odd.as_bytes()).unwrap_err().status, 400, "{odd}");
    }
}

#[test]
fn the_api_must_be_one_of_the_services() {
    let named = |name: Value| api_name(&map(json!({ "APIName": name })));
    assert_eq!(named(json!("GET_CLIP")), Ok(()));
    assert_eq!(named(json!("getClip")).unwrap_err().status, 400);
    assert_eq!(api_name(&Map::new()).unwrap_err().status, 400);
}
