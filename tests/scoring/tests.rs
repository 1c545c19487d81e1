//! What CI runs of the scoring.

use libtest_mimic::{Failed, Trial};

pub(crate) fn tests() -> Vec<Trial> {
    vec![test("equal_seeds_draw_equal_scenarios_and_others_draw_others", draws)]
}

fn test(name: &str, body: fn()) -> Trial {
    Trial::test(name, move || std::panic::catch_unwind(body).map_err(|_| Failed::from("see the panic above")))
}

fn draws() {
    use crate::draw::draw;
    assert_eq!(draw(7), draw(7));
    let others = (0..50).filter(|seed| draw(*seed) == draw(seed + 1)).count();
    assert_eq!(others, 0);
}
