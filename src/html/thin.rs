//! Which of too many points are drawn: every kind and every incident keeps some, and those of one incident are even over time.

use std::collections::BTreeMap;

/// Shares a budget out over heaps of these sizes: none gets more than it has, and none that got less than it has got less
/// than another by more than one.
pub(super) fn fill(sizes: &[usize], budget: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|at| sizes[*at]);
    let (mut given, mut left) = (vec![0; sizes.len()], budget);
    for (done, at) in order.into_iter().enumerate() {
        given[at] = sizes[at].min(left / (sizes.len() - done));
        left -= given[at];
    }
    given
}

/// At most `budget` of the items, which are in the order of time: first shared out over `kind`, then over `incident`, then even
/// over the order. The places of those that stay, in order.
pub(super) fn thin<T, K: Ord, I: Ord>(
    items: &[T],
    budget: usize,
    kind: impl Fn(&T) -> K,
    incident: impl Fn(&T) -> I,
) -> Vec<usize> {
    if items.len() <= budget {
        return (0..items.len()).collect();
    }
    let mut heaps: BTreeMap<K, BTreeMap<I, Vec<usize>>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        heaps.entry(kind(item)).or_default().entry(incident(item)).or_default().push(at);
    }
    let sizes: Vec<usize> = heaps.values().map(|kind| kind.values().map(Vec::len).sum()).collect();
    let mut kept = Vec::new();
    for (of_kind, share) in heaps.values().zip(fill(&sizes, budget)) {
        let sizes: Vec<usize> = of_kind.values().map(Vec::len).collect();
        for (places, share) in of_kind.values().zip(fill(&sizes, share)) {
            kept.extend(evenly(places.len(), share).map(|at| places[at]));
        }
    }
    kept.sort_unstable();
    kept
}

/// So many places of `length`, the first and the last among them.
fn evenly(length: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |at| if count == 1 { 0 } else { at * (length - 1) / (count - 1) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_budget_is_shared_fairly() {
        assert_eq!(fill(&[5, 1_000, 100], 300), [5, 195, 100]);
        assert_eq!(fill(&[5, 6], 300), [5, 6]);
        assert_eq!(fill(&[9, 9, 9, 9], 2).iter().sum::<usize>(), 2);
        assert_eq!(fill(&[], 2), [0; 0]);
    }

    #[test]
    fn a_rare_cause_and_a_small_incident_stay() {
        // Of 10,000 points one in a hundred is of the rare kind, and each 1,000 are an incident.
        let items: Vec<(bool, usize)> = (0..10_000).map(|at| (at % 100 == 50, at / 1_000)).collect();
        let kept = thin(&items, 400, |item| item.0, |item| item.1);
        assert_eq!(kept.len(), 400);
        assert_eq!(kept.iter().filter(|at| items[**at].0).count(), 100, "all of the rare kind");
        let incidents: BTreeSet<_> = kept.iter().filter(|at| !items[**at].0).map(|at| items[*at].1).collect();
        assert_eq!(incidents.len(), 10);
        assert!(kept.windows(2).all(|pair| pair[0] < pair[1]), "in order, none twice");
        assert!(kept.windows(2).all(|pair| pair[1] - pair[0] < 100), "no hole in time");
    }

    #[test]
    fn few_all_stay() {
        assert_eq!(thin(&[3, 1, 2], 3, |_| 0, |_| 0), [0, 1, 2]);
        assert_eq!(thin(&[3, 1, 2], 1, |_| 0, |_| 0), [0]);
    }
}
