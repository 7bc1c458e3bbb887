//! A sample in which any three values of any three dimensions meet, if there is a case where they do.

use std::collections::BTreeSet;

use super::case::Case;

/// Three values, each with the number of its dimension.
type Triple = [(usize, String); 3];

/// Chooses from `cases`, each time one with the most triples that were not there yet: always the same ones.
pub fn triples(cases: &[Case]) -> Vec<Case> {
    let mut candidates: Vec<(&Case, Vec<Triple>)> =
        cases.iter().map(|case| (case, triples_of(case))).collect();
    let mut missing: BTreeSet<Triple> = candidates
        .iter()
        .flat_map(|(_, triples)| triples.clone())
        .collect();
    let mut chosen = Vec::new();
    while !missing.is_empty() {
        candidates.retain_mut(|(_, triples)| {
            triples.retain(|triple| missing.contains(triple));
            !triples.is_empty()
        });
        let best = candidates.iter().max_by_key(|(_, triples)| triples.len());
        let (case, triples) = best.expect("what is missing is in a case");
        missing.retain(|triple| !triples.contains(triple));
        chosen.push((*case).clone());
    }
    chosen
}

fn triples_of(case: &Case) -> Vec<Triple> {
    let values = [
        format!("{:?}", case.point),
        format!("{:?}", case.fault),
        // The two decide together what the promise is.
        format!("{:?} {}", case.qos, case.is_kept),
        format!("{:?}", case.connection),
        format!("{:?}", case.payload),
        format!("{:?}", case.second),
    ];
    let value = |dimension: usize| (dimension, values[dimension].clone());
    let mut triples = Vec::new();
    for first in 0..values.len() {
        for second in first + 1..values.len() {
            for third in second + 1..values.len() {
                triples.push([value(first), value(second), value(third)]);
            }
        }
    }
    triples
}

#[test]
fn each_triple_is_there_and_few_cases_are() {
    let all = Case::all();
    let chosen = triples(&all);
    let of = |cases: &[Case]| cases.iter().flat_map(triples_of).collect::<BTreeSet<_>>();
    assert_eq!(of(&chosen), of(&all));
    let (few, all) = (chosen.len(), all.len());
    assert!(few < all / 5, "{few} of {all}");
}
