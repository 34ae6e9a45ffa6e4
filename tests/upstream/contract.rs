//! The contract, the client and the reference are about the same calls.

use std::collections::BTreeSet;

/// Each call of the contract, as METHOD and the path's last part.
fn calls_of_the_contract() -> BTreeSet<String> {
    let (mut calls, mut path) = (BTreeSet::new(), "");
    for line in include_str!("../../docs/upstream.openapi.yaml").lines() {
        if let Some(what) = line.strip_prefix("  /v1/cabinets/{site}/{cabinet}/") {
            path = what.trim_end_matches(':');
        } else if let Some(method) = line.strip_prefix("    ").and_then(|line| line.strip_suffix(':'))
            && ["get", "put", "post", "patch", "delete"].contains(&method)
        {
            calls.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    calls
}

/// What stands between `before`, a method, `between`, a word and a quote.
fn calls_in(code: &str, before: &str, between: &str) -> BTreeSet<String> {
    let call = |piece: &str| {
        let (method, rest) = piece.split_once(between)?;
        Some(format!("{method} {}", rest.split_once('"')?.0)).filter(|_| method.chars().all(|c| c.is_ascii_uppercase()))
    };
    code.split(before).skip(1).filter_map(call).collect()
}

#[test]
fn contract_client_and_reference_speak_of_the_same_calls() {
    let contract = calls_of_the_contract();
    assert!(contract.len() >= 7, "{contract:?}");
    let client = calls_in(include_str!("../../src/upstream/client.rs"), "Method::", ", \"");
    let mut reference = calls_in(include_str!("../../examples/reference_upstream/server.rs"), "(\"", "\", \"");
    // Served apart, since its answer is no JSON of the receiver's; `tests/upstream_roster.rs` asks for it.
    reference.insert("GET roster".to_owned());
    for calls in [client, reference] {
        assert!(calls.is_subset(&contract), "{calls:?} is more than {contract:?}");
        let missing: Vec<&String> = contract.difference(&calls).collect();
        assert!(missing.is_empty(), "{missing:?} is asked or served by nobody");
    }
}
