//! What the daemon says for itself, beside the ledger: that it is ready, what it cannot reach, what it refused.

super::messages! {
    // --- start and end
    READY Notice "132b9aa142b20c670667362d138abab7":
        "cabinetd is ready",
        "Lines, ledger and socket are there.",
        "Nothing.";
    STOPPING Notice "f0dd4e219fa38b1afc758e70ef2e33d6":
        "cabinetd was told to stop",
        "By systemd, or by a signal.",
        "Nothing. Every lock is switched off first.";
    WHY_STOPPING_UNKNOWN Warning "c4a1f3f06b4e4d55a0b83f5d0a0f4b1e":
        "It is not known whether the machine goes down",
        "cabinetd was told to stop, and systemd did not answer why; so the record says that the service was stopped. If the machine goes down on battery, the last word to people was not hurried.",
        "Nothing at the cabinet. `systemctl is-system-running` is what it asks; it needs D-Bus (`systemctl status dbus`).";
    ENDED Error "4a2e15a19e76173b826179cc9fde5be7":
        "cabinetd ends",
        "It could not start, or cannot go on: the entry says why, and what to do. Every lock was switched off as far as it could be reached.",
        "systemd starts it again. If it ends again and again, do what the entry says; `cabinetd check` looks at config, credentials, disk and ledger.";
    PANICKED Error "3aa4b319b8e585db890e2df291a63666":
        "A part of cabinetd broke",
        "A fault of the program. It switches the locks off and ends; systemd starts it again, and the slots are compared.",
        "Nothing at the cabinet. Please report the place that stands in the entry.";
    SYSTEMD_DEAF Warning "4e690dd9035a2c7b4f68326b32d3b674":
        "systemd could not be told something",
        "The notify socket does not take messages. Without them the unit counts as not started, or its watchdog ends the daemon.",
        "The unit needs Type=notify and NotifyAccess=main.";
    MESSAGES_LOST Warning "dab6e7e3446d369be5b34eed283934a3":
        "Messages of cabinetd are missing here",
        "The journal did not take them fast enough, or at all: the daemon never waits for it. The ledger has every record all the same.",
        "`systemctl status systemd-journald`, and look at the disk. What is missing: `cabinetd ledger show`.";

    // --- config
    RELOAD_SAME Notice "9354498e1a814c89741b506080163629":
        "The config was read again and is as it was",
        "systemd was told `reload`, or the daemon got a SIGHUP, and the file has not changed.",
        "Nothing. If you changed it: `cabinetd check --only config` says which file is read.";
    RELOAD_WAITS Notice "eee7e0d5f45a239e4a7b26e0a443d2cf":
        "The config is taken when nobody is at the cabinet",
        "Rules do not change in the middle of a visit or of a drill. A door that stands open is a visit, too.",
        "Close the door, end the drill (`cabinetd drill --abort`), or wait: it is taken then, and a record says so. Rights that it takes from accounts are gone already.";
    RELOAD_NO_ROOM Error "58f6b70140361c2c3375b60b25c93974":
        "The config is taken when there is room on the disk",
        "Nothing changes without a record, and the disk has no room for one. What was in force before is in force still; nothing is wrong with the new file.",
        "Make room on the disk of the state directory (`df`, `journalctl --vacuum-size=50M`, `apt-get clean`); then it is taken without a further word.";
    RELOAD_NEEDS_RESTART Error "55527c237ccc0f25dcf1c4a261cb6c79":
        "The new config can be taken by a restart alone",
        "Its rules go with its own lines, doors or UPS, and those are read at a start. With what runs now they do not go together: the entry says why. Nothing of the new file counts yet.",
        "When nobody is at the cabinet: `systemctl restart cabinetd`.";
    RELOAD_REFUSED Error "5fb6618d8cd7901b4cc9885de797c323":
        "The new config was not taken",
        "It has mistakes, each of which stands in the entry with its line, or it could not be read. What was in force before is in force still; nothing of the new file counts.",
        "Correct the file, `cabinetd config check`, then `systemctl reload cabinetd`. At a restart this file would keep the cabinet from starting.";
    RELOAD_PARTLY Warning "240e99f645245ea01232ba9c61521348":
        "Some changes of the config need a restart",
        "What concerns sockets, lines, places and the layout of the cabinet is read at a start alone. Everything else of the new file is in force.",
        "When nobody is at the cabinet: `systemctl restart cabinetd`.";

    // --- lines
    NO_HARDWARE Warning "d48bad50dedd5449d8e0c1ba4aec3e8c":
        "The hardware is not there",
        "Nobody serves the lines. It is tried again and again.",
        "Real lines: the board and its cable. A simulated cabinet: `cabinetd sim hardware`, as the account of the daemon (`sudo -u cabinetd cabinetd sim hardware`).";
    HARDWARE_GONE Warning "620202960f5fbc8de966d273d6f2243f":
        "The hardware went away",
        "The connection to the lines ended. It is tried again; until then no lock can be driven and no slot is seen.",
        "If it does not come back within seconds: the board, its supply and its cable.";
    LINES_LOST Error "b5d15a3972e746bb028f3ccb5a035fa3":
        "Lines cannot be read or driven",
        "The kernel does not give them, or their chip does not answer any more. They are claimed again and again; until then nothing is known of these sensors, and these outputs are off as far as they can be.",
        "The entry says which, and why. `cabinetd check --only lines` names who holds a line; for an expander: its supply, its bus, `dmesg`.";
    LINES_BACK Notice "7a23cbc6a7c594ce65c16167ad537afe":
        "Lines work again",
        "What could not be read, driven or heard before can be now. The slots are compared with the books.",
        "Nothing. If it comes and goes: cable and supply of that chip.";
    INTERRUPT_DEAD Error "559b9a345f8fe3bb59753b5bd7172d24":
        "A chip's interrupt is dead",
        "A line changed and no interrupt came. Its level is read ten times a second instead, so nothing is missed for long; that costs energy on battery.",
        "The wire from the chip's interrupt pin to the board, and `dmesg`.";
    POLLED Warning "f9f5422a84f98789e1ae4a6bc0797267":
        "A chip gives no interrupts",
        "Its driver or its wiring has none, so its lines are read ten times a second. A key that is out for less than that is not seen.",
        "Wire the chip's interrupt line, and name it in the device tree overlay.";
    EDGES_LOST Warning "92ed96a0339f6eb36df1c00a91b873e2":
        "The sensors change faster than they are looked at",
        "Single changes were lost; all lines are read anew instead, so nothing stays wrong.",
        "A sensor that chatters has an entry of its own. If there is none, the machine is overloaded.";
    READER_TAKEN Notice "db4f3cdbf9a282e29896fd550d7ccf70":
        "A reader is taken",
        "It was found as the config describes it, and what it types goes to the cabinet alone.",
        "Nothing. If it comes and goes: its cable, its socket, its supply.";
    READER_NOT_TAKEN Error "c404f595f64b9fd2492b987b45128293":
        "A reader of the config is not taken",
        "It is not plugged in, its description fits more than one device, another program has it, or the daemon may not read it: the entry says which. Until then nobody can use it.",
        "What the entry says; `cabinetd check --only readers` shows which devices there are and who has them.";
    READER_GONE Error "8d27abc48b0bbc35efb43ccf567c1c11":
        "A reader went away",
        "It was unplugged, or does not answer any more. It is taken again as soon as it is back.",
        "Plug it in. If it comes and goes: its cable, its socket, its supply.";
    READER_NONSENSE Warning "af3be9d939c9315e391427c8e3e61323":
        "What was read at a reader came to nothing",
        "It had no end, a key that no code has, came too fast, or was lost on the way: the entry says which. What it was is not written anywhere.",
        "Set the reader to type Enter after each code, and to the layout in the config; see that nothing lies on it.";
    READERS_UNWATCHED Warning "58e9a2ffa8341f6ca23ed90b2c15d518":
        "Nobody tells when readers are plugged in",
        "The kernel's word about /dev/input is not to be had. A reader that is missing is looked for each half minute instead.",
        "Mostly too many watches on this machine (`fs.inotify.max_user_instances`). `systemctl restart cabinetd` tries again.";
    INPUT_DROPPED Warning "42f8f934ee9128eb1691df2b2a11beb0":
        "An input at the reader was dropped",
        "The machine does not keep up.",
        "Badge again. If it comes back, look what loads the machine (`top`).";
    OUTPUT_DISOBEYED Error "4e79b84051f2aefe928a0adae46a529e":
        "An output is not as it was driven",
        "A pulse was over and the chip did not take the order to end it; or the simulated hardware said that an output did not follow. What a relay really does no line reports.",
        "Look at the relay board. Until it is clear, take the lock for open.";
    OUTPUT_NOT_DRIVEN Warning "e5dd92d685d38dd259c3bd21acb9b9dd":
        "An output was not driven",
        "A lamp, a sound, a relay did not take its command; a lock that failed has an alarm as well.",
        "Look at the board if it happens again.";
    OUTPUTS_NOT_OFF Error "1ac42d0c68673547d06e566ac01f9d11":
        "The outputs could not be switched off",
        "At a stop, a fault or a full disk every output is switched off; the lines did not answer. A pulse ends by the driver's own limit.",
        "Look whether the door is locked. `cabinetd release` switches everything off; the next start does so too.";
    WIRING_NOT_KEPT Warning "5d81183c458f4c1e989417cb6758278d":
        "The wiring in force could not be kept",
        "Killed, the daemon leaves relays as they are; `cabinetd release` and the next start then know only what the config says by that time.",
        "The folder that the entry names: who may write there, and whether it has room. Do not edit [[output]] before the next start.";
    ORDER_TOO_LATE Warning "ce5575138ae5521bd0821172ab1bcdaa":
        "An order came too late and was left alone",
        "Whoever gave it had given it up while a bus hung. Nothing opens for somebody who is not there any more.",
        "Nothing for a single one. Often: the chip's bus, `dmesg`.";
    HANDS_BEHIND Error "0fe0c51db62fdefb1120b6c9e180aad0":
        "The hardware does not keep up",
        "Commands wait for the lines; this one was not begun.",
        "Look at the board and its bus.";

    // --- ledger
    NO_ROOM Error "f9f6e1b9e7f1d63f187736a4c3ae5c58":
        "There is no room for a record",
        "What cannot be recorded does not happen: nothing is opened, everything is switched off.",
        "Make room on the disk of the state directory (`df`, `journalctl --vacuum-size=50M`, `apt-get clean`); it is noticed within seconds.";
    RESERVE_USED Error "78947569be55327b4030fcd8e99f0130":
        "Even the reserve is used up",
        "The disk is full for so long that alarms find no room any more. They are shown and not recorded.",
        "Make room on the disk of the state directory now.";
    LEDGER_SHORT Error "72063cdcc5252dbf9fc6d918dfa01e29":
        "The ledger is shorter than it was",
        "It ends before a record that was confirmed to be on the disk.",
        "Copy the state directory away before anything else. A record and an alarm follow.";
    LEDGER_FAILED Error "c8e63ea4e2a03427545f64a8da9aa040":
        "The ledger's disk fails",
        "What the disk holds can only be found out by a new process: this one ends, systemd starts it again.",
        "`dmesg` and `cabinetd ledger verify`. Copy the state directory away and replace the card.";
    HEAD_NOT_SIGNED Warning "2e3170a80c82d4ae7b21036690540657":
        "The ledger's head was not signed",
        "It is signed once an hour, for whoever keeps heads elsewhere. It is tried again.",
        "Look at the disk if it does not go away.";

    // --- socket
    SOCKET_TROUBLE Warning "3031873a1d2f96fde12d1fe3e1dce5bb":
        "The control socket takes no connection just now",
        "The machine is out of descriptors or memory.",
        "Look what uses them up (`systemd-cgtop`, `lsof`).";
    SOCKET_FULL Warning "a745dda30003d6c714b6e9c601dbe107":
        "All connections to the control socket are taken",
        "Programs of account @UID@ or of others stay connected.",
        "End what follows (`--follow`) and is not needed.";

    // --- UPS and sleep
    UPSMON_NEWS Notice "d85961b72c179464d668cd836d135c39":
        "upsmon has news",
        "The UPS changed its state; it is asked at once.",
        "Nothing. What it says is a record if it is new.";
    NOTIFY_UNREADABLE Warning "0d2124c3c87544065469afb9e94435d5":
        "upsmon's notifications cannot be read",
        "The socket notify.sock fails. The UPS is asked at its usual pace, so news come later.",
        "Restart the daemon when nobody is at the cabinet.";
    NO_LOOPBACK Warning "d514849b2a31bc7e75e8619476ac3193":
        "The UPS cannot be asked",
        "The client needs a port on the loopback interface and gets none.",
        "`ip link show lo` has to say UP; a sandbox must let 127.0.0.1 through.";
    SLEEP_ORDERED Notice "440d2ef6fc03f28ac1c1fb82ba4e47ed":
        "A sleep was ordered",
        "upsd or systemd took the order. The machine stops within the next minute.",
        "Nothing. If it stays up, an alarm follows.";
    SLEEP_UNSURE Warning "4f0c0a5514939236f1e419a491c434a5":
        "A sleep was ordered and nobody confirmed it",
        "It may come all the same. If not, an alarm follows and a lighter way is taken.",
        "`systemctl status nut-server systemd-logind`.";
    SLEEP_REFUSED Error "759f4364fbdd70c85bf5adc6eaddbb01":
        "A sleep could not be ordered",
        "upsd or logind refused, or could not be reached. A lighter way is taken, so the battery will not last as long.",
        "The entry says who refused; `cabinetd power recipe` has the rights and settings that are needed.";
    TEST_REFUSED Warning "dd95d899b026da18df9b04721204d1d5":
        "The UPS did not take the order to test its battery",
        "It does not know the command, or the daemon's user in upsd may not give it.",
        "`upscmd -l UPS` must list test.battery.start.quick; the user needs it under instcmds in upsd.users. Without either: `weekly_self_test = false` under [battery].";
    CLOCK_ALARM_LEFT Warning "b126792fbac6fe05e74879bb198dfab8":
        "The clock's alarm may still be set",
        "An alarm that is over could not be cleared. It might start a machine that somebody switched off.",
        "`cat /sys/class/rtc/rtc0/wakealarm`; the account cabinetd must be able to write it (`cabinetd power recipe`).";

    // --- upstream
    UPSTREAM_SILENT Warning "616c6274f69cee1a2c1a14e0ffd0ab3d":
        "Records do not reach upstream",
        "The network, a certificate, the token or upstream itself: the entry says what. They wait in the ledger, in order, for as long as it takes; the cabinet does not.",
        "`cabinetd upstream status` and `cabinetd check --only upstream`; the service needs the drop-in of docs/upstream.md to get out at all. If the network is down anyway: nothing.";
    UPSTREAM_BACK Notice "dcd0c7bf1d6bb6daf8bf51103cedac01":
        "Upstream answers again",
        "What waits is sent now, in order.",
        "Nothing.";
    ROSTER_REFUSED Warning "b397f4c2257741148e610f54c84fd22c":
        "Upstream's roster for this cabinet was not taken",
        "Why stands in the entry. What is in force stays in force.",
        "What the entry says; an alarm stands until it is put right, or somebody takes note.";
    UPSTREAM_ASIDE Notice "1ba9f178f95f4e97bfc1762d509bdbc9":
        "Upstream does not answer beside the records",
        "It takes records, but not the keymap, or has no hints of outages to give: the entry says which and why. Neither holds up a record.",
        "Ask whoever runs upstream; or switch it off: `hints`, `keymap` under [upstream].";

    // --- telling people
    ALERTS_FAIL Warning "f1a758f63f547d6f9441c50372884292":
        "Somebody cannot be told what is new at the cabinet",
        "The network, the mail server or webhook, a certificate, a password: the entry says what. It is tried again and again, and what is urgent waits in the ledger.",
        "`cabinetd alerts status`, `cabinetd alerts test`; the service needs the drop-in of docs/alerts.md to get out at all. If the network is down anyway: nothing.";
    ALERTS_ARRIVE Notice "bb12c31468e439f056f84db5ea5801cf":
        "Somebody is told again",
        "A message was taken after others were not. It tells what waited, and that it comes late.",
        "Nothing.";
    ALERTS_BLIND Warning "eef46b40f2237c712d62cd0b22b1430b":
        "Nobody is told what is new, since the ledger cannot be read",
        "The part that tells people reads the ledger beside its writer, and could not. It is tried again after some seconds.",
        "If it does not go away: `cabinetd ledger verify`, and the disk.";
    ALERTS_SEE Notice "9dfe722cb02c0f06ab7d6aaf82a20c00":
        "The ledger can be read again by the part that tells people",
        "What is urgent and came meanwhile is told now, and that it comes late.",
        "Nothing.";
}
