//! Alarms, as they are raised. One under duress is not here: it must not be read beside the cabinet.
//!
//! What alarms is one of these; which slot, door or key it is stands in the entry's text and fields. The level says who has to
//! look: `err` now, `warning` today, `notice` when there is time.

super::messages! {
    OPEN_WITHOUT_SESSION Error "94b2db93b8be998d51098ed3c22792b7":
        "Door @DOOR@ was opened with no session",
        "The contact of the door opened while nobody had been let in: the door was forced, or somebody used the cabinet key.",
        "Look at the door and at the keys (`cabinetd keymap`). If it was the cabinet key, find out who, and acknowledge the alarm: `cabinetd alarm ack @ALARM@`.";

    DOOR_LEFT_OPEN Warning "6a13e208a1f07d4fef9caf3066e0d0cc":
        "Door @DOOR@ is open for too long",
        "The door was opened and not closed again. While it stands open anybody can take a key, and on battery the cabinet cannot sleep for long.",
        "Close it. If it is closed, the contact or its cable is broken: compare `cabinetd status` with the door.";

    WRONG_KEY Error "34b3e560fdb60ce0d3eae84632b66b94":
        "A key was taken that was not asked for or is not allowed",
        "The sensor of slot @SLOT@ saw its key go in a session that had not asked for it.",
        "Have it put back; the alarm ends when it hangs there again. If it was right after all, acknowledge the alarm: `cabinetd alarm ack @ALARM@`.";

    UNEXPECTED_SLOT Warning "e047a3ee59f0954eb7f0e65df86f9e5c":
        "Something hangs in slot @SLOT@ that does not belong there",
        "A slot was filled that no key has its home in, or with a key whose home is another slot.",
        "Hang the key on its own hook (`cabinetd key list` says which).";

    UNKNOWN_RETURN Notice "b5122acf8338a794a063b787b46daedc":
        "Nobody knows which key hangs in slot @SLOT@",
        "A key came back, and with plain sensors the cabinet cannot tell which of those that were out.",
        "Look at its label and say so: `cabinetd declare --slot @SLOT@ --key KEY`, or scan its tag.";

    DARK_DIFFERENCE Warning "8f45133341fbc05e3cc4a8b469c4535f":
        "Slot @SLOT@ changed while nobody saw it",
        "Between the daemon's last proof of life and its start the slot was emptied or filled: the power was off, or the daemon was down.",
        "Look at the slot, ask who was there, and acknowledge the alarm: `cabinetd alarm ack @ALARM@`. The entries before this one say why the daemon was down.";

    CHANGED_BEHIND_DOOR Error "980c7d0b304424613aed649b36ab1d88":
        "Slot @SLOT@ changed although the door was closed",
        "A slot's sensor changed while the door's contact says closed: the contact or the sensor is wrong, or the cabinet was opened another way.",
        "Look inside. Open and close the door and watch `cabinetd status`; then move the key on its hook and watch `cabinetd keymap`.";

    SENSOR_FAULT Warning "b6bb433e59b5843d477383b1b73c26b9":
        "A sensor cannot be believed",
        "A line cannot be read, changes faster than any hand, or says the opposite of what a tag scan proved. Until it is well again the cabinet does not know what hangs there.",
        "Look at the sensor's plug, cable and switch. It is believed again after some quiet seconds, and the alarm ends by itself.";

    INTERRUPTS_DEAD Warning "c4c029d5801cb1be9faad3110080c358":
        "A chip's interrupt is dead",
        "A poll found a level that no edge had told. Nothing is missed: the lines of that chip are polled ten times a second until edges come again. That costs battery in an outage, and a press or a door is noticed a little later.",
        "Look at the wire from the expander's interrupt output to the header, and at gpiopin in config.txt (docs/wiring.md); then move a key of that chip: the alarm ends with its edge.";

    LINES_LOST Error "c4c55c2423e7aebb8d2894aa8717a381":
        "No sensor can be read",
        "The daemon cannot reach the lines at all: nobody sees what is taken, and no lock is driven. The entries around this one say what it could not open.",
        "See whether the board is plugged in (`ls /dev/gpiochip*`) and whether the account may use it (`id cabinetd` has the group gpio). When the lines are back the slots are compared by themselves.";

    LOCK_FAULT Error "90c3989a872531988424658874cde2a8":
        "The lock of door @DOOR@ does not answer",
        "The command to the relay failed, or its end is not known.",
        "Open with the cabinet key. Look at the relay board, its supply and its cable; then try a visit.";

    TAMPERED Error "b31508aaa3ce1d166ac332f4b0813dbc":
        "The housing was opened",
        "The tamper contact opened.",
        "Look at the cabinet. If it was a service, close the housing: the alarm ends with that.";

    LOCKBOX_OPENED Error "eab0ab53716d6f33e93c1bf7ae64701c":
        "The lockbox of the cabinet key was opened",
        "The contact of the box opened: somebody has, or had, the key that opens the cabinet without electronics.",
        "Find out who and why. Put the key back, seal and close the box, and acknowledge the alarm: `cabinetd alarm ack @ALARM@`; it ends when both are done.";

    OVERDUE Notice "bfabdcb088b39576898cb7d364370e39":
        "A key is out for longer than its reason allows",
        "The limits stand under [alerts] in the config.",
        "Ask whoever has it (`cabinetd keymap`).";

    OUT_AT_CLOSING Notice "72b32be6e10cda3f90a67e6778afbe5b":
        "Keys are still out at closing time",
        "The closing time stands under [alerts] in the config.",
        "Ask whoever has them (`cabinetd keymap`).";

    LONE_EMERGENCY Warning "2cbd66000ca7630baa775942007cc1ff":
        "A two-person key was taken by one person in an emergency",
        "Somebody who may do so said that it was an emergency and took it alone.",
        "Somebody else has to look at it and countersign: `cabinetd alarm countersign @ALARM@ --by USER`.";

    INACTIVE_USER Notice "e3f28809fc7a0615f75d3523169ba9c4":
        "Somebody in the roster has not been here for a long time",
        "An access that nobody uses is one that nobody misses when it is stolen. The limit is inactive_days under [alerts] in the config.",
        "If it is not needed any more: `cabinetd user revoke @USER@`.";

    DISK_FULL Error "2c641ccbae37e4d39d9799d70c8bd5e4":
        "The disk is full, so nothing is opened",
        "What cannot be recorded does not happen: nobody is let in. The alarm itself was written into a reserve.",
        "Make room on the disk of the state directory (`df /var/lib/cabinetd`, `journalctl --vacuum-size=50M`, `apt-get clean`). It is noticed within seconds, without a restart.";

    UPS_UNREACHABLE Warning "d3c45844c33054ad0477e11811100d40":
        "The UPS does not answer",
        "upsd is down, its driver lost the UPS, or the cable is out. Whether mains is there is not known; nothing is put to sleep for that.",
        "`systemctl status nut-server nut-driver.target`, `upsc -l`, the USB cable; `cabinetd check --only ups` says what it sees.";

    SLEEP_FAILED Warning "acff819cb0e4731926c7cab01b1d16a8":
        "A sleep was ordered and did not come",
        "The machine or the UPS should have gone off and did not. A lighter way is taken for the rest of this outage.",
        "The entries before this one say what refused. After ups-off, upsd holds the order: `systemctl restart nut-server`. Then drill again on a quiet day: `cabinetd drill`.";

    REPLACE_BATTERY Warning "4718ad86687406fbdc9bb819e1c8ae33":
        "The UPS's battery is to be replaced",
        "The UPS says so, or its own test of the battery failed.",
        "Put in a new one, then say `cabinetd power battery-replaced` and drill again: `cabinetd drill`.";

    CABINET_KEY_DUE Warning "4b2d4e8f824a9f6cc52163c9da87b6d0":
        "The battery nears its end: the cabinet key is to be got ready",
        "Asleep it lasts for less than half an hour more, or for two visits. The outage goes on.",
        "Fetch the cabinet key, and let those who need keys know. `cabinetd outage` shows what is expected.";
    CABINET_KEY_ONLY Error "1624fbcb4beb4b9e6df402127819a472":
        "Only the cabinet key opens",
        "The battery holds too little for a visit, or something else has the machine shut down, be mains there or not.",
        "Fetch the cabinet key and write down who takes what. When the cabinet serves again it compares its slots by itself.";

    LEDGER_SHORTENED Error "9a785bad5d87e3c1e32b72f7b67de724":
        "Records of the ledger are missing",
        "The proof of life knows of records that the ledger does not have: the disk lost what it had confirmed, or somebody put an older file in its place.",
        "Copy the state directory away before anything else. `cabinetd ledger verify --head FILE` compares with a head that was kept elsewhere; restore a backup that has what is missing, and replace the card.";

    UPSTREAM_LOST_DATA Warning "34b2cce35057ddf085ee28aede912454":
        "Upstream lost records",
        "It had confirmed records that it does not have any more: a backup was restored there, or its disk lost them. They are sent again from where it ends.",
        "Tell whoever runs upstream. Here nothing is to be done but to acknowledge: `cabinetd alarm ack @ALARM@`.";

    UPSTREAM_AHEAD Error "d4a96316c25b7b6175b9091c6497455c":
        "Upstream holds records that this ledger does not have",
        "An older card or backup was put in, or the state directory was replaced. Nothing is sent, so nothing there is overwritten; the cabinet works on.",
        "docs/upstream.md, \"After a restored card\": bring the newer ledger back if it exists, else say with the daemon stopped that a new epoch begins: `cabinetd upstream new-epoch`.";

    CABINET_CLONED Error "46c92733efaa34b1c9a3e8680caa3392":
        "Another machine sends records under this cabinet's name",
        "The card was copied and both run, or two cabinets have one name and one token. Whoever comes second is stopped here; nothing there is overwritten.",
        "docs/upstream.md, \"Two machines, one name\": find the other one, and give one of them another name, another token and an empty state directory.";

    RECORD_PARKED Warning "cbc01ee0301b55cc1081cff0b80c2ed7":
        "Upstream refuses what is in a record",
        "It says that it will never take it as it is. The record went without its payload, by its digest alone, so that all behind it could follow; the ledger here has it whole.",
        "Ask whoever runs upstream why. When it is put right there: `cabinetd upstream retry`.";

    UPSTREAM_BLOCKED Error "cef3b069db3c40f180d315fd2809945b":
        "Upstream does not take a record in any form",
        "Not even its envelope, without what is in it: something on the way may let only smaller requests through, or upstream refuses everything. Nothing behind it is sent, since nothing may be left out; the ledger here has it whole, and the cabinet works.",
        "`cabinetd upstream status` names how much waits. Ask whoever runs upstream, or the proxy before it, why (413: the limit for a request's size). When it is put right there: `cabinetd upstream retry`. The alarm ends by itself when records go again.";

    ROSTER_COUNTS_FOR_NOTHING Warning "91cf410a8fa343f48652a94fb4f67df1":
        "Upstream's roster for this cabinet counts for nothing",
        "It is not signed by the key of this site, was changed on the way, is for another cabinet, is older than the one in force, or does not fit: the entry says which. The roster in force stays in force, and nothing else suffers.",
        "What the entry says; `cabinetd alarm list` names the people and keys that do not fit. A wrong signature is worth a question to whoever runs upstream. After it is put right: `cabinetd upstream retry`.";

    ROSTER_OVERDUE Warning "1b1c87edeac64d118f302b3e9e2c6a69":
        "The signed roster is past its age",
        "Whoever signed it said until when it should be replaced, and that is over. It stays in force: nobody is locked out for it.",
        "Have a newer one signed (`cabinetd roster sign`), or bring it on a stick (`cabinetd roster import FILE.json`). `cabinetd upstream status` says why none comes.";

    ROSTER_WAITS Warning "09b1b46d5e7d4bbbb753cb6248b27e77":
        "A signed roster waits for a key",
        "It gives the slot of a key that is out, and leaves the roster, to another key: until that one is back nobody can say what hangs there. It is not in force yet, but whom it dismisses is let in no more meanwhile (unless that were everybody).",
        "Bring the key back, or mark it as lost (`cabinetd key lost`). The alarm ends by itself when the roster is taken, or another takes its place.";

    PRIVILEGES_ROSE Warning "c42c3a4ecfe746228c893f0a4e202354":
        "A signed roster gives somebody more than before",
        "A higher role, more groups, more hours, or a key that is guarded less: the entry says whom and which. It is in force already.",
        "If it is right: `cabinetd alarm ack @ALARM@`, by an account that may change the roster. If not: `cabinetd user revoke USER`, which no roster lifts, and ask whoever signed it.";
    UPSTREAM_MUTE Warning "b5177c8fd4cf2568121f1a7f5f0f12b5":
        "Upstream has not answered for hours",
        "Longer than silent_alarm_h under [upstream] in the config, the time of outages not counted. Records wait in the ledger, and the cabinet works; but nobody there would see it if it did not.",
        "`cabinetd upstream status` says what went wrong last; the network, then upstream itself. The alarm ends by itself when upstream answers.";
}
