use super::*;
use crate::io::readers::wanted::By;
use proptest::prelude::*;

/// A reader, and the moment of its next key.
struct Bench {
    typing: Typing,
    at_ms: u64,
}

impl Bench {
    fn of(kind: Kind, layout: Layout) -> Self {
        let wanted = Wanted { kind, by: By::default(), layout, pause_ms: kind.usual_pause_ms() };
        Self { typing: Typing::new(&wanted), at_ms: 5_000_000 }
    }

    fn stroke(&mut self, key: KeyCode, pressed: bool) -> Typed {
        self.typing.stroke(Stroke { key, pressed, at_ms: self.at_ms })
    }

    /// Each key pressed and released, `gap_ms` apart; what came of it, but that the pad was touched.
    fn keys(&mut self, keys: &[KeyCode], gap_ms: u64) -> Vec<String> {
        let mut said = Vec::new();
        for key in keys {
            self.at_ms += gap_ms;
            said.extend(words(self.stroke(*key, true)));
            said.extend(words(self.stroke(*key, false)));
        }
        said
    }

    fn shifted(&mut self, key: KeyCode) -> Vec<String> {
        let _ = self.stroke(KeyCode::KEY_LEFTSHIFT, true);
        let said = self.keys(&[key], 5);
        let _ = self.stroke(KeyCode::KEY_LEFTSHIFT, false);
        said
    }
}

fn words(typed: Typed) -> Option<String> {
    match typed {
        Typed::Nothing | Typed::Event(Event::PadTouched) => None,
        Typed::Event(Event::CodeRead(code)) => Some(format!("code {}", code.expose())),
        Typed::Event(Event::DigitsTyped(digits)) => Some(format!("digits {}", digits.expose())),
        Typed::Event(other) => Some(format!("{other:?}")),
        Typed::Dropped(why) => Some(format!("{why:?}")),
    }
}

const ENTER: KeyCode = KeyCode::KEY_ENTER;
const D: [KeyCode; 10] = [
    KeyCode::KEY_0,
    KeyCode::KEY_1,
    KeyCode::KEY_2,
    KeyCode::KEY_3,
    KeyCode::KEY_4,
    KeyCode::KEY_5,
    KeyCode::KEY_6,
    KeyCode::KEY_7,
    KeyCode::KEY_8,
    KeyCode::KEY_9,
];

#[test]
fn a_badge_types_its_code_and_ends_it_with_enter_or_tab() {
    let mut bench = Bench::of(Kind::Badge, Layout::Us);
    for end in [ENTER, KeyCode::KEY_KPENTER, KeyCode::KEY_TAB] {
        let said = bench.keys(&[D[1], D[0], KeyCode::KEY_A, KeyCode::KEY_KP4, end], 400);
        assert_eq!(said, ["code 10a4"], "{end:?}");
    }
    assert_eq!(bench.keys(&[ENTER], 5), Vec::<String>::new(), "an Enter alone is no code");
}

#[test]
fn upper_case_is_shift_whether_held_or_let_go() {
    let mut bench = Bench::of(Kind::Badge, Layout::Us);
    bench.shifted(KeyCode::KEY_E);
    assert_eq!(bench.keys(&[D[0], KeyCode::KEY_F, ENTER], 5), ["code E0f"]);
}

/// The same keys are other characters on another keyboard.
#[test]
fn each_layout_has_its_digits_and_letters() {
    for (layout, letters) in [(Layout::Us, "yqw"), (Layout::De, "zqw"), (Layout::Fr, "yaz")] {
        let mut bench = Bench::of(Kind::Badge, layout);
        for digit in D {
            // A French one has its digits above.
            let said = if layout == Layout::Fr { bench.shifted(digit) } else { bench.keys(&[digit], 5) };
            assert_eq!(said, Vec::<String>::new());
        }
        let said = bench.keys(&[KeyCode::KEY_Y, KeyCode::KEY_Q, KeyCode::KEY_W, ENTER], 5);
        assert_eq!(said, [format!("code 0123456789{letters}")]);
    }
}

#[test]
fn a_key_that_the_layout_does_not_have_spoils_the_code() {
    let mut bench = Bench::of(Kind::Badge, Layout::De);
    assert_eq!(bench.keys(&[D[1], KeyCode::KEY_F5, D[2], ENTER], 5), ["Strange"]);
    assert_eq!(bench.keys(&[D[1], D[2], ENTER], 5), ["code 12"], "the next one is sound");
}

#[test]
fn a_pad_with_and_without_num_lock() {
    let mut bench = Bench::of(Kind::Keypad, Layout::Us);
    let with = [KeyCode::KEY_NUMLOCK, KeyCode::KEY_KP7, KeyCode::KEY_KP0, KeyCode::KEY_KP5, KeyCode::KEY_KPENTER];
    assert_eq!(bench.keys(&with, 300), ["digits 705"]);
    let without = [KeyCode::KEY_HOME, KeyCode::KEY_INSERT, KeyCode::KEY_CLEAR, KeyCode::KEY_PAGEDOWN, ENTER];
    assert_eq!(bench.keys(&without, 300), ["digits 7053"]);
    let phone = [KeyCode::KEY_NUMERIC_4, KeyCode::KEY_NUMERIC_9, KeyCode::KEY_NUMERIC_POUND];
    assert_eq!(bench.keys(&phone, 300), ["digits 49"]);
}

#[test]
fn the_hash_ends_and_the_star_cancels_on_every_layout() {
    for layout in [Layout::Us, Layout::De, Layout::Fr] {
        let mut bench = Bench::of(Kind::Keypad, layout);
        let hash = |bench: &mut Bench| match layout {
            Layout::Us => bench.shifted(KeyCode::KEY_3),
            Layout::De => bench.keys(&[KeyCode::KEY_BACKSLASH], 200),
            Layout::Fr => {
                let _ = bench.stroke(KeyCode::KEY_RIGHTALT, true);
                let said = bench.keys(&[KeyCode::KEY_3], 200);
                let _ = bench.stroke(KeyCode::KEY_RIGHTALT, false);
                said
            }
        };
        let star = |bench: &mut Bench| match layout {
            Layout::Us => bench.shifted(KeyCode::KEY_8),
            Layout::De => bench.shifted(KeyCode::KEY_RIGHTBRACE),
            Layout::Fr => bench.keys(&[KeyCode::KEY_BACKSLASH], 200),
        };
        bench.keys(&[D[2], D[2]], 200);
        assert_eq!(hash(&mut bench), ["digits 22"], "{layout:?}");
        bench.keys(&[D[3]], 200);
        assert_eq!(star(&mut bench), Vec::<String>::new(), "{layout:?}: it takes back what is half typed");
        assert_eq!(star(&mut bench), ["CancelPressed"], "{layout:?}");
    }
}

#[test]
fn backspace_and_escape_cancel_too_and_letters_mean_nothing() {
    let mut bench = Bench::of(Kind::Keypad, Layout::Us);
    for cancel in [KeyCode::KEY_BACKSPACE, KeyCode::KEY_ESC, KeyCode::KEY_KPASTERISK] {
        assert_eq!(bench.keys(&[D[1], cancel, cancel], 300), ["CancelPressed"]);
    }
    assert_eq!(bench.keys(&[D[1], KeyCode::KEY_X, KeyCode::KEY_KPPLUS, D[2], ENTER], 300), ["digits 12"]);
    assert_eq!(bench.keys(&[ENTER], 900), ["digits "], "Enter alone is an answer: the core knows to what");
}

#[test]
fn half_of_something_is_forgotten_after_the_pause() {
    let mut bench = Bench::of(Kind::Keypad, Layout::Us);
    bench.keys(&[D[9], D[9]], 300);
    assert_eq!(bench.keys(&[D[2]], 10_000), Vec::<String>::new(), "just in time");
    bench.keys(&[D[2]], 10_001);
    assert_eq!(bench.keys(&[D[2], ENTER], 300), ["digits 22"]);
    let mut bench = Bench::of(Kind::Badge, Layout::Us);
    bench.keys(&[D[9], D[9]], 5);
    bench.keys(&[D[2]], 1_001);
    assert_eq!(bench.keys(&[D[3], ENTER], 5), ["code 23"]);
    // The clock was set back in the middle: nobody knows how long that was.
    bench.keys(&[D[9]], 5);
    bench.at_ms -= 3_600_000;
    assert_eq!(bench.keys(&[D[3], ENTER], 5), ["code 3"]);
}

#[test]
fn after_a_loss_the_rest_up_to_the_next_end_is_nothing() {
    for kind in [Kind::Badge, Kind::Keypad, Kind::Both] {
        let mut bench = Bench::of(kind, Layout::Us);
        bench.keys(&[D[1], D[2]], 5);
        bench.typing.lose();
        // However long nothing came before.
        bench.at_ms += 3_600_000;
        assert_eq!(bench.keys(&[KeyCode::KEY_NUMLOCK, D[3], D[4], D[5], D[6], ENTER], 5), ["Lost"], "{kind:?}");
        let said = bench.keys(&[D[3], D[4], D[5], D[6], ENTER], 5).concat();
        assert!(said.ends_with(" 3456"), "{kind:?}: {said}");
    }
}

#[test]
fn what_has_no_end_is_dropped_whole() {
    for (kind, longest) in [(Kind::Badge, LONGEST_CODE), (Kind::Keypad, LONGEST_GROUP)] {
        let mut bench = Bench::of(kind, Layout::Us);
        bench.keys(&vec![D[7]; longest + 1], 5);
        assert!(bench.typing.text.is_empty() && bench.typing.is_half());
        assert_eq!(bench.keys(&[ENTER], 5), ["TooLong"]);
        assert!(!bench.typing.is_half());
        bench.keys(&vec![D[7]; longest], 5);
        let said = bench.keys(&[ENTER], 5).concat();
        assert!(said.ends_with(&"7".repeat(longest)), "{said}");
    }
}

#[test]
fn a_badge_that_lies_on_the_reader_is_slowed_down() {
    let mut bench = Bench::of(Kind::Badge, Layout::Us);
    let said: Vec<String> = (0..100).flat_map(|_| bench.keys(&[D[1], D[2], D[3], ENTER], 25)).collect();
    let codes = said.iter().filter(|said| *said == "code 123").count();
    // Ten seconds: four at once, and two each second.
    assert!((22..=24).contains(&codes), "{codes}");
    assert_eq!(said.iter().filter(|said| *said == "TooFast").count(), 100 - codes);
    bench.at_ms += 2_000;
    let again: Vec<String> = (0..4).flat_map(|_| bench.keys(&[D[1], ENTER], 5)).collect();
    assert_eq!(again, ["code 1"; 4], "after a rest all is as before");
}

#[test]
fn on_a_device_that_does_both_the_speed_tells() {
    let mut bench = Bench::of(Kind::Both, Layout::Us);
    assert_eq!(bench.keys(&[D[1], D[0], D[0], D[4], ENTER], 8), ["code 1004"]);
    assert_eq!(bench.keys(&[D[1], D[0], D[0], D[4], ENTER], 120), ["digits 1004"]);
    // A hand that is quick with two keys, once, is still a hand.
    bench.keys(&[D[1], D[0]], 8);
    assert_eq!(bench.keys(&[D[0], D[4]], 120), Vec::<String>::new());
    assert_eq!(bench.keys(&[ENTER], 8), ["digits 1004"]);
    assert_eq!(bench.keys(&[D[3], ENTER], 8), ["digits 3"], "too short for a code");
    assert_eq!(bench.keys(&[KeyCode::KEY_E, D[1], ENTER], 300), ["Strange"], "no hand types letters here");
    bench.at_ms += 5_000;
    assert_eq!(bench.keys(&[KeyCode::KEY_E, D[0], D[0], D[4], ENTER], 8), ["code e004"]);
}

#[test]
fn the_first_key_tells_that_somebody_is_here() {
    let mut bench = Bench::of(Kind::Keypad, Layout::Us);
    let touches = |typed: Typed| matches!(typed, Typed::Event(Event::PadTouched));
    assert!(touches(bench.stroke(D[1], true)) && !touches(bench.stroke(D[1], true)));
    // Whatever is hammered, no more than once a second.
    bench.typing.forget();
    bench.at_ms += 999;
    assert!(!touches(bench.stroke(D[1], true)));
    bench.typing.forget();
    bench.at_ms += 1;
    assert!(touches(bench.stroke(D[1], true)));
    assert!(!touches(Bench::of(Kind::Badge, Layout::Us).stroke(D[1], true)), "a badge tells by its code");
}

#[test]
fn nothing_of_what_is_typed_can_be_printed() {
    let mut bench = Bench::of(Kind::Both, Layout::Us);
    bench.keys(&[D[4], D[8], D[2], D[9]], 300);
    let stroke = Stroke { key: D[4], pressed: true, at_ms: 1 };
    let typed = bench.typing.stroke(Stroke { key: ENTER, pressed: true, at_ms: bench.at_ms + 300 });
    let said = format!("{:?} {stroke:?} {typed:?}", bench.typing);
    assert!(said.contains("Pin(…)") && !said.chars().any(|char| char.is_ascii_digit()), "{said}");
    assert!(bench.typing.text.is_empty());
}

proptest! {
    /// Whatever is typed however, it ends within its bounds, and nothing grows.
    #[test]
    fn any_keys_stay_within_bounds(
        kind in prop_oneof![Just(Kind::Badge), Just(Kind::Keypad), Just(Kind::Both)],
        layout in prop_oneof![Just(Layout::Us), Just(Layout::De), Just(Layout::Fr)],
        strokes in prop::collection::vec((0_u16..600, any::<bool>(), -50_i64..12_000), 0..400),
    ) {
        let mut bench = Bench::of(kind, layout);
        let capacity = bench.typing.text.capacity();
        for (key, pressed, after_ms) in strokes {
            // Mostly keys that mean something.
            let key = if key >= 300 { 1 + key % 100 } else { key };
            bench.at_ms = bench.at_ms.saturating_add_signed(after_ms);
            match bench.stroke(KeyCode(key), pressed) {
                Typed::Event(Event::CodeRead(code)) => {
                    prop_assert!((1..=LONGEST_CODE).contains(&code.expose().chars().count()) && kind.has_badges());
                }
                Typed::Event(Event::DigitsTyped(digits)) => {
                    prop_assert!(digits.expose().len() <= LONGEST_GROUP && kind.has_digits());
                    prop_assert!(digits.expose().bytes().all(|byte| byte.is_ascii_digit()));
                }
                Typed::Event(Event::CancelPressed | Event::PadTouched) => prop_assert!(kind.has_digits()),
                Typed::Event(other) => prop_assert!(false, "{other:?}"),
                Typed::Nothing | Typed::Dropped(_) => {}
            }
            prop_assert_eq!(bench.typing.text.capacity(), capacity, "what moved would leave a copy");
        }
    }
}
