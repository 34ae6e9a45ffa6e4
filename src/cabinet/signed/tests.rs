//! Which hours open more.

use super::*;

fn window(weekdays: u8, from: u16, to: u16) -> Window {
    Window { weekdays, from, to }
}

#[test]
fn hours_open_more_if_one_minute_of_the_week_does() {
    let office = [window(0b11111, 420, 1_140)];
    for (old, new, more) in [
        (&office[..], &office[..], false),
        (&office[..], &[][..], true),
        (&[][..], &office[..], false),
        (&office[..], &[window(0b11111, 420, 1_141)][..], true),
        (&office[..], &[window(0b111_1111, 420, 1_140)][..], true),
        (&office[..], &[window(0b00011, 480, 600)][..], false),
        // The same in other words.
        (&office[..], &[window(0b00111, 420, 1_140), window(0b11100, 420, 1_140)][..], false),
        // Past midnight.
        (&office[..], &[window(0b00001, 1_320, 360)][..], true),
        (&[window(0b111_1111, 1_320, 360)][..], &[window(0b00001, 1_380, 300)][..], false),
    ] {
        assert_eq!(opens_more(old, new), more, "{old:?} {new:?}");
    }
}
