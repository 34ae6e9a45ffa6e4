//! What a key means: which character on which keyboard, and which of them end or cancel.

use super::wanted::Layout;
use evdev::KeyCode;

/// What a press means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Char(char),
    /// The end of a code or a group.
    End,
    Cancel,
    /// A modifier or a lock: nothing by itself.
    Nothing,
    /// A key that means nothing here.
    Strange,
}

/// The keys that are held while another is pressed.
#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) shift: bool,
    pub(super) alt_gr: bool,
}

/// Key, character, character with Shift.
type Row = (KeyCode, char, char);

/// No character that a code has.
const NONE: char = '\0';

const US: [Row; 49] = [
    (KeyCode::KEY_1, '1', '!'),
    (KeyCode::KEY_2, '2', '@'),
    (KeyCode::KEY_3, '3', '#'),
    (KeyCode::KEY_4, '4', '$'),
    (KeyCode::KEY_5, '5', '%'),
    (KeyCode::KEY_6, '6', '^'),
    (KeyCode::KEY_7, '7', '&'),
    (KeyCode::KEY_8, '8', '*'),
    (KeyCode::KEY_9, '9', '('),
    (KeyCode::KEY_0, '0', ')'),
    (KeyCode::KEY_A, 'a', 'A'),
    (KeyCode::KEY_B, 'b', 'B'),
    (KeyCode::KEY_C, 'c', 'C'),
    (KeyCode::KEY_D, 'd', 'D'),
    (KeyCode::KEY_E, 'e', 'E'),
    (KeyCode::KEY_F, 'f', 'F'),
    (KeyCode::KEY_G, 'g', 'G'),
    (KeyCode::KEY_H, 'h', 'H'),
    (KeyCode::KEY_I, 'i', 'I'),
    (KeyCode::KEY_J, 'j', 'J'),
    (KeyCode::KEY_K, 'k', 'K'),
    (KeyCode::KEY_L, 'l', 'L'),
    (KeyCode::KEY_M, 'm', 'M'),
    (KeyCode::KEY_N, 'n', 'N'),
    (KeyCode::KEY_O, 'o', 'O'),
    (KeyCode::KEY_P, 'p', 'P'),
    (KeyCode::KEY_Q, 'q', 'Q'),
    (KeyCode::KEY_R, 'r', 'R'),
    (KeyCode::KEY_S, 's', 'S'),
    (KeyCode::KEY_T, 't', 'T'),
    (KeyCode::KEY_U, 'u', 'U'),
    (KeyCode::KEY_V, 'v', 'V'),
    (KeyCode::KEY_W, 'w', 'W'),
    (KeyCode::KEY_X, 'x', 'X'),
    (KeyCode::KEY_Y, 'y', 'Y'),
    (KeyCode::KEY_Z, 'z', 'Z'),
    (KeyCode::KEY_SPACE, ' ', ' '),
    (KeyCode::KEY_MINUS, '-', '_'),
    (KeyCode::KEY_EQUAL, '=', '+'),
    (KeyCode::KEY_SEMICOLON, ';', ':'),
    (KeyCode::KEY_APOSTROPHE, '\'', '"'),
    (KeyCode::KEY_COMMA, ',', '<'),
    (KeyCode::KEY_DOT, '.', '>'),
    (KeyCode::KEY_SLASH, '/', '?'),
    (KeyCode::KEY_BACKSLASH, '\\', '|'),
    (KeyCode::KEY_LEFTBRACE, '[', '{'),
    (KeyCode::KEY_RIGHTBRACE, ']', '}'),
    (KeyCode::KEY_GRAVE, '`', '~'),
    (KeyCode::KEY_102ND, '<', '>'),
];

/// Where a German keyboard differs.
const DE: [Row; 20] = [
    (KeyCode::KEY_2, '2', '"'),
    (KeyCode::KEY_3, '3', '§'),
    (KeyCode::KEY_6, '6', '&'),
    (KeyCode::KEY_7, '7', '/'),
    (KeyCode::KEY_8, '8', '('),
    (KeyCode::KEY_9, '9', ')'),
    (KeyCode::KEY_0, '0', '='),
    (KeyCode::KEY_Y, 'z', 'Z'),
    (KeyCode::KEY_Z, 'y', 'Y'),
    (KeyCode::KEY_MINUS, 'ß', '?'),
    (KeyCode::KEY_EQUAL, NONE, NONE),
    (KeyCode::KEY_SEMICOLON, 'ö', 'Ö'),
    (KeyCode::KEY_APOSTROPHE, 'ä', 'Ä'),
    (KeyCode::KEY_COMMA, ',', ';'),
    (KeyCode::KEY_DOT, '.', ':'),
    (KeyCode::KEY_SLASH, '-', '_'),
    (KeyCode::KEY_BACKSLASH, '#', '\''),
    (KeyCode::KEY_LEFTBRACE, 'ü', 'Ü'),
    (KeyCode::KEY_RIGHTBRACE, '+', '*'),
    (KeyCode::KEY_GRAVE, NONE, '°'),
];

/// Where a French one does.
const FR: [Row; 26] = [
    (KeyCode::KEY_1, '&', '1'),
    (KeyCode::KEY_2, 'é', '2'),
    (KeyCode::KEY_3, '"', '3'),
    (KeyCode::KEY_4, '\'', '4'),
    (KeyCode::KEY_5, '(', '5'),
    (KeyCode::KEY_6, '-', '6'),
    (KeyCode::KEY_7, 'è', '7'),
    (KeyCode::KEY_8, '_', '8'),
    (KeyCode::KEY_9, 'ç', '9'),
    (KeyCode::KEY_0, 'à', '0'),
    (KeyCode::KEY_A, 'q', 'Q'),
    (KeyCode::KEY_Q, 'a', 'A'),
    (KeyCode::KEY_W, 'z', 'Z'),
    (KeyCode::KEY_Z, 'w', 'W'),
    (KeyCode::KEY_M, ',', '?'),
    (KeyCode::KEY_MINUS, ')', '°'),
    (KeyCode::KEY_EQUAL, '=', '+'),
    (KeyCode::KEY_SEMICOLON, 'm', 'M'),
    (KeyCode::KEY_APOSTROPHE, 'ù', '%'),
    (KeyCode::KEY_COMMA, ';', '.'),
    (KeyCode::KEY_DOT, ':', '/'),
    (KeyCode::KEY_SLASH, '!', '§'),
    (KeyCode::KEY_BACKSLASH, '*', 'µ'),
    (KeyCode::KEY_LEFTBRACE, NONE, NONE),
    (KeyCode::KEY_RIGHTBRACE, '$', '£'),
    (KeyCode::KEY_GRAVE, NONE, NONE),
];

/// The keys of a numeric pad, and what those mean that a pad without its lock on sends in their place.
const PAD: [(KeyCode, KeyCode, char); 10] = [
    (KeyCode::KEY_KP0, KeyCode::KEY_INSERT, '0'),
    (KeyCode::KEY_KP1, KeyCode::KEY_END, '1'),
    (KeyCode::KEY_KP2, KeyCode::KEY_DOWN, '2'),
    (KeyCode::KEY_KP3, KeyCode::KEY_PAGEDOWN, '3'),
    (KeyCode::KEY_KP4, KeyCode::KEY_LEFT, '4'),
    (KeyCode::KEY_KP5, KeyCode::KEY_CLEAR, '5'),
    (KeyCode::KEY_KP6, KeyCode::KEY_RIGHT, '6'),
    (KeyCode::KEY_KP7, KeyCode::KEY_HOME, '7'),
    (KeyCode::KEY_KP8, KeyCode::KEY_UP, '8'),
    (KeyCode::KEY_KP9, KeyCode::KEY_PAGEUP, '9'),
];

/// What a key of a badge reader means.
pub(super) fn of_badge(layout: Layout, key: KeyCode, held: Held) -> Meaning {
    match key {
        KeyCode::KEY_ENTER | KeyCode::KEY_KPENTER | KeyCode::KEY_TAB => Meaning::End,
        _ if is_modifier(key) => Meaning::Nothing,
        _ => digit_of_pad(key).or_else(|| char_of(layout, key, held)).map_or(Meaning::Strange, Meaning::Char),
    }
}

/// What a key that a person presses means. The digits of the top row are digits on a French keyboard without Shift as well.
pub(super) fn of_pad(layout: Layout, key: KeyCode, held: Held) -> Meaning {
    let top = US.iter().take(10).find(|(known, ..)| layout == Layout::Fr && *known == key).map(|(_, digit, _)| *digit);
    let without_num_lock = PAD.iter().find(|(_, other, _)| *other == key).map(|(.., digit)| *digit);
    match key {
        KeyCode::KEY_BACKSPACE | KeyCode::KEY_ESC | KeyCode::KEY_KPASTERISK | KeyCode::KEY_NUMERIC_STAR => {
            Meaning::Cancel
        }
        KeyCode::KEY_NUMERIC_POUND => Meaning::End,
        // AltGr and 3 is a # there.
        KeyCode::KEY_3 if layout == Layout::Fr && held.alt_gr => Meaning::End,
        _ => match top.or(without_num_lock).map_or_else(|| of_badge(layout, key, held), Meaning::Char) {
            Meaning::Char('#') => Meaning::End,
            Meaning::Char('*') => Meaning::Cancel,
            other => other,
        },
    }
}

fn digit_of_pad(key: KeyCode) -> Option<char> {
    let phone = key.0.checked_sub(KeyCode::KEY_NUMERIC_0.0).filter(|digit| *digit < 10);
    let phone = phone.and_then(|digit| char::from_digit(digit.into(), 10));
    PAD.iter().find(|(pad, ..)| *pad == key).map(|(.., digit)| *digit).or(phone)
}

fn char_of(layout: Layout, key: KeyCode, held: Held) -> Option<char> {
    if held.alt_gr {
        return None;
    }
    let own: &[Row] = match layout {
        Layout::Us => &[],
        Layout::De => &DE,
        Layout::Fr => &FR,
    };
    let (_, plain, shifted) = own.iter().chain(&US).find(|(known, ..)| *known == key)?;
    Some(if held.shift { *shifted } else { *plain }).filter(|char| *char != NONE)
}

const fn is_modifier(key: KeyCode) -> bool {
    matches!(
        key,
        KeyCode::KEY_LEFTSHIFT
            | KeyCode::KEY_RIGHTSHIFT
            | KeyCode::KEY_LEFTCTRL
            | KeyCode::KEY_RIGHTCTRL
            | KeyCode::KEY_LEFTALT
            | KeyCode::KEY_RIGHTALT
            | KeyCode::KEY_LEFTMETA
            | KeyCode::KEY_RIGHTMETA
            | KeyCode::KEY_NUMLOCK
            | KeyCode::KEY_CAPSLOCK
            | KeyCode::KEY_SCROLLLOCK
    )
}
