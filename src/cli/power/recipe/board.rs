//! What the Raspberry Pi's firmware must be told, board by board.

use super::{Note, Site};
use crate::cabinet::power::Method;
pub(in crate::cli) use crate::check::firmware::Board;

pub(super) fn notes(site: &Site<'_>, board: Option<Board>) -> Vec<Note> {
    let boards = board.map_or_else(|| vec![Board::Pi3, Board::Pi4, Board::Pi5], |board| vec![board]);
    boards.into_iter().map(|board| Note { title: board.name().to_owned(), text: settings(site, board) }).collect()
}

fn settings(site: &Site<'_>, board: Board) -> String {
    let halt = match board {
        Board::Pi3 => {
            "Starts by itself when its supply returns. Halted, it draws little and wakes when GPIO3 (pin 5) is pulled to ground: nothing\n\
             is to be set."
        }
        Board::Pi4 => {
            "sudo rpi-eeprom-config --edit    # then reboot\n    \
             WAKE_ON_GPIO=1        # halted, it wakes when GPIO3 (pin 5) is pulled to ground\n    \
             POWER_OFF_ON_HALT=0   # 1 would be a deeper halt from which GPIO3 does not wake it"
        }
        Board::Pi5 => {
            "sudo rpi-eeprom-config --edit    # then reboot\n    \
             POWER_OFF_ON_HALT=1       # halted, it draws about 0.01 W; with 0 it is 1.2 to 1.8 W\n    \
             WAIT_FOR_POWER_BUTTON=0   # it must start by itself when its supply returns\n\
             Halted, its own power button wakes it, and its clock does. GPIO3 does not."
        }
    };
    let mut text = match (site.sleep, board) {
        (Method::Standby, Board::Pi5) => "sudo rpi-eeprom-config --edit    # then reboot\n    \
             WAIT_FOR_POWER_BUTTON=0   # it must start by itself when its supply returns"
            .to_owned(),
        (Method::Standby, Board::Pi3 | Board::Pi4) => {
            "Nothing: it starts by itself when its supply returns.".to_owned()
        }
        (Method::Halt | Method::UpsOff, _) => halt.to_owned(),
    };
    if site.sleep == Method::Halt && board != Board::Pi5 {
        text.push_str(
            "\nGPIO3 is the clock line of I2C too: a button there and an I2C device (an RTC, a port expander) disturb each other. Put\n\
             dtparam=i2c_arm=off into /boot/firmware/config.txt, or the bus on other pins (dtoverlay=i2c-gpio).",
        );
    }
    text.push_str(clock(site, board));
    text
}

fn clock(site: &Site<'_>, board: Board) -> &'static str {
    match (board, site.sleep, site.clock_wakes) {
        (_, Method::Standby, false) => "",
        (Board::Pi5, _, _) => {
            "\nIts clock keeps time in the dark with a battery at the connector J5. A rechargeable one is charged by\n    \
             dtparam=rtc_bbat_vchg=3000000   # in /boot/firmware/config.txt; never with a primary cell"
        }
        (Board::Pi3 | Board::Pi4, _, true) => {
            "\nIt has no clock of its own. One on the I2C bus (dtoverlay=i2c-rtc,ds3231) keeps time; it wakes the machine only if its\n\
             interrupt pin is wired to GPIO3 and its driver has an alarm: is there a /sys/class/rtc/rtc0/wakealarm?"
        }
        (Board::Pi3 | Board::Pi4, _, false) => {
            "\nIt has no clock of its own: after a dark start the time is that of the last shutdown until the network has told it. One on the\n\
             I2C bus (dtoverlay=i2c-rtc,ds3231 in /boot/firmware/config.txt) keeps it."
        }
    }
}
