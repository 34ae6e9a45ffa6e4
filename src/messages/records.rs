//! What the ledger keeps and an operator reads: one message for each kind of record. Alarms have their own room.

super::messages! {
    // --- life of the daemon
    STARTED Notice "bb8128d906b3684ba6389814e61ba9b9":
        "cabinetd started",
        "With it stands how long nobody saw the cabinet before, and why. A stop that was not announced was a crash, a kill or a power cut.",
        "Nothing is to be done after a start that was wanted. After one that was not: `journalctl -u cabinetd -b -1 -e` shows the end of the boot before.";
    STOPPED Notice "781f3b4b9120848ee3706e465804d774":
        "cabinetd stopped in order",
        "It was told to. The locks are off, the books are closed.",
        "While it is down only the cabinet key opens, and nobody sees what is taken: `systemctl start cabinetd`.";
    SLOTS_ADOPTED Notice "395e3f82113c63d62dfdfc918f3437f0":
        "Slots were seen for the first time",
        "The first start, or slots that are new in the config. A key whose home is occupied is taken to hang there.",
        "Compare `cabinetd keymap` with the hooks; say what is wrong with `cabinetd declare`.";
    DARK_COMPARED Notice "8a7d4ef26443983afe3ff6e917fca247":
        "The slots were compared with before",
        "After a time that nobody saw, each slot is looked at. Each difference has an entry and an alarm of its own.",
        "Nothing, if there was no difference.";
    FOUND_CHANGED Warning "0bd26d117695cd71d75c29fcac240d28":
        "Slot @SLOT@ is not as it was",
        "It was emptied or filled while nobody saw it.",
        "The alarm says what to do: `cabinetd alarm list`.";
    CLOCK_CORRECTED Notice "14b9b829d1078ae071498922d0a7eb73":
        "The clock was set",
        "Wall time jumped: it was learned from the network, or set by hand. The order of the records does not depend on it; their times before this are off by what stands here.",
        "Nothing. If it happens often, the machine has no clock of its own, or one with an empty battery.";
    CONFIG_LOADED Notice "6a72576c013a45ab0ee06c947cf87bdc":
        "Another config is in force",
        "The file was changed before this start, or the daemon was told to read it again.",
        "Nothing, if you changed it. `cabinetd config show --effective` shows what is in force.";
    SENSORS_LOST Error "052195263addec4708921d6b590d56ba":
        "The sensors cannot be read any more",
        "The lines are out of reach; the entry before this one says why.",
        "As the alarm says: the board, its cable, the account's group gpio.";
    SENSORS_BACK Notice "a727b337a5a203ec807b301c9e3b24ee":
        "The sensors can be read again",
        "The slots are compared with before, as after a dark interval.",
        "Nothing.";
    RECORDS_MISSING Error "5a960bdb223361d56fc3647c969abd3c":
        "The ledger had lost records when cabinetd started",
        "They were confirmed by the disk once.",
        "As the alarm says: copy the state directory away first.";

    // --- roster
    ROSTER_CHANGED Notice "a44431f954b01e5f413f460d6494e4f6":
        "The roster was changed",
        "By whom stands in BY; the values are in the ledger.",
        "Nothing, if it was wanted. `cabinetd ledger show --kind roster-changed` shows what was changed.";
    PIN_SET Notice "8de4a7278e9f30bbd0237d0dc5ca0d12":
        "@USER@ got a new PIN",
        "An account of this machine set it (BY).",
        "Nothing, if it was wanted.";
    VOUCHED Notice "22dc458ec882c2cfa375aa6a8980b181":
        "Somebody was vouched for",
        "A manager stands for a person who forgot badge or PIN: one entry with a code, within the time that stands here.",
        "Nothing. If it happens often to one person, give them a new badge.";
    ENROLMENT_OFFERED Notice "78f59f001a8d49ddad118b3641abc23e":
        "A code was made for @USER@ to enrol with",
        "With it they choose a PIN of their own at the cabinet, once. It opens nothing.",
        "Nothing, if it was wanted.";
    ENROLLED Notice "21e49360910a4359b304f90bc6b1d871":
        "@USER@ enrolled at the cabinet",
        "They showed who they are, typed the code that was made for them, and chose a PIN.",
        "Nothing. If it was somebody else: `cabinetd user revoke @USER@`.";

    // --- access
    OPENING_ORDERED Notice "0a0be05e96273ae582d73ee3b40f8830":
        "It was ordered to open for @USER@",
        "An admin's word (`cabinetd open`): by whom stands in BY, why in the entry. It opens only if that person is there within a minute.",
        "Nothing, if it was wanted. Whether somebody came: a session of that person follows, or none.";
    DENIED Notice "892ed0e866182725efa4f23ff870687e":
        "Somebody was refused",
        "The reason stands in the entry. Wrong PINs and unknown badges are charged: the waits grow with them.",
        "Nothing for a single one. Many in a row by nobody known are somebody who tries.";
    SESSION_STARTED Info "f91a55b7b45702341574dfb3e8450ba9":
        "@USER@ identified themselves",
        "Badge or number, and PIN, were right.",
        "Nothing.";
    SESSION_JOINED Info "80242784b16936995dfc189190a6e7d4":
        "A second person joined session @SESSION@",
        "The key needs two.",
        "Nothing.";
    SESSION_AUTHORISED Info "01c7f4c40fdcc4e8b346fdf8237a1d49":
        "@USER@ was let in",
        "This record was on the disk before the lock was energised.",
        "Nothing.";
    SESSION_CLOSED Info "f02e19ee4491de145b8d567d317ee080":
        "Session @SESSION@ is over",
        "How it ended stands in the entry.",
        "Nothing. If sessions end with a door that was never opened, look at the lock.";

    // --- doors and slots
    DOOR_OPENED Info "67976c6541956a0935e9c770b312da66":
        "Door @DOOR@ was opened",
        "Its contact says so.",
        "Nothing. One without a session has an alarm of its own.";
    DOOR_CLOSED Info "fb25d64f44cda4de7c7009c4c70d76e4":
        "Door @DOOR@ was closed",
        "Its contact says so.",
        "Nothing.";
    TAKEN Info "bb11683550c695fa03b9a1c26fd48f3f":
        "A key was taken from slot @SLOT@",
        "The slot's sensor says so. How the cabinet knows which key it was stands in the entry.",
        "Nothing. One that was not asked for has an alarm of its own.";
    RETURNED Info "6ad20b73f2ade883951fb4277d0721fd":
        "A key came back into slot @SLOT@",
        "The slot's sensor says so.",
        "Nothing. One that nobody knows has an alarm of its own.";
    SLOT_IDENTIFIED Info "81e999348e8927100285e38614cab049":
        "It is known now which key hangs in slot @SLOT@",
        "Its tag was scanned, or a person said so.",
        "Nothing.";
    TAG_CONTRADICTED Notice "05cee1242edd77bbef540fd3a1b13833":
        "What hangs in slot @SLOT@ is another key than was thought",
        "The tag of the key that should hang there was scanned in somebody's hand.",
        "Look at the label of what hangs there and say so: `cabinetd declare --slot @SLOT@ --key KEY`.";
    SENSOR_FAILED Warning "2c950dae7640f23fa7cb13fb61b0a719":
        "A sensor went wrong",
        "Which, and in what way, stands in the entry.",
        "As the alarm says: plug, cable, switch.";
    SENSOR_RECOVERED Notice "f574aae80d5f7293e6fa0fe18de3900e":
        "A sensor is well again",
        "It was quiet for long enough to be believed.",
        "Nothing. If it comes and goes, the cable or the switch is loose.";
    LOCKBOX_MOVED Notice "ba21a8a7578161208262b27d3befa68f":
        "The lockbox of the cabinet key was opened or closed",
        "Its contact says so.",
        "After an opening the alarm says what to do. Nothing after a closing.";
    LOCK_FAILED Error "bcb04d49e0921ae7c755afb70e05f223":
        "The lock of door @DOOR@ did not answer",
        "A command to its relay failed, or nobody knows how it ended.",
        "As the alarm says: the cabinet key, then the relay board.";
    KEY_STEPPED Notice "9d9bdba34fa22b8ec6b0f1049709b9c7":
        "A step in the life of key @KEY@",
        "Lost, found, re-keyed, retired, or entered by mistake; by whom stands in BY.",
        "Nothing, if it was wanted.";

    // --- alarms
    ALARM_ACKNOWLEDGED Notice "35b7c255a5ac356f341573ff022cb466":
        "Alarm @ALARM@ was acknowledged",
        "Somebody looks after it (BY). `journalctl -u cabinetd ALARM=@ALARM@` shows what it was.",
        "Nothing.";
    ALARM_CLEARED Notice "7b30c170d18a141dd5125f4d6ca4291e":
        "Alarm @ALARM@ is over",
        "Its cause is gone, or a person settled it. `journalctl -u cabinetd ALARM=@ALARM@` shows what it was.",
        "Nothing.";

    // --- power
    SUPPLY_CHANGED Notice "e7075d89effb2c6153f3b3d577e70ac7":
        "The UPS says something else than before",
        "On line, on battery, low, or nothing at all.",
        "`cabinetd status` and `cabinetd outage` say what follows from it. A UPS that falls silent has an alarm of its own.";
    POWER_SWITCHED Notice "665367bea207317ad6c64c06e0555ead":
        "The cabinet goes another way through the outage",
        "The policy switched modes; why, and by which figures, stands in the entry.",
        "Nothing. docs/power.md explains each mode; `cabinetd outage` shows the state.";
    OUTAGE_ENDED Notice "9bcebf27201085341599170f6c36082f":
        "Outage @OUTAGE@ is over",
        "Mains has been back for good.",
        "Nothing. `cabinetd outage report` tells its story.";
    OUTAGE_TOLD Notice "8ab341a99c94566f924dd4c80a3858aa":
        "Something was told about the outage",
        "A storm, or what the utility expects. The policy reckons with it.",
        "Nothing.";
    POWER_TOLD Notice "9aa79883f5089d791f3e4d28df2d835a":
        "The cabinet was told to sleep or to stay awake",
        "By whom stands in BY.",
        "Nothing.";
    ENERGY_BOOKED Info "a311e4efac5bf5b995d0a3ccadb6a097":
        "Energy was booked",
        "What was drawn from the battery since the last time, and what is left by the cabinet's own count.",
        "Nothing.";
    BATTERY_REPLACED Notice "1c81e277e0a1a5549fbcd61636a9a7ba":
        "Another UPS or battery",
        "Somebody said so, or another serial answers. What was measured and proved on the former one does not count any more.",
        "Drill again: `cabinetd drill`. If nobody changed anything, look which UPS is plugged in.";
    BATTERY_MEASURED Notice "d3016133417d73aebcd3f3efe993f71f":
        "The battery was measured",
        "By a long outage or a deep drill.",
        "`cabinetd check --only battery` says whether it is enough.";
    LOAD_LEARNED Info "6eb3625440e5f8b64876db3060554328":
        "A day's load was learned",
        "What the cabinet alone draws from the UPS, and whether something else drew too.",
        "If something else did: find what is plugged into the UPS beside the cabinet.";
    SELF_TEST_BEGAN Info "2f1e82b60bbd8ac26ae3be724103742d":
        "The UPS tests its battery",
        "The weekly test, on the cabinet's word.",
        "Nothing.";
    SELF_TEST_ENDED Notice "70ffdd846dea727688d9b08f5a43e7f9":
        "The test of the battery is over",
        "Its result stands in the entry.",
        "Nothing after a pass. A failed one has an alarm of its own.";
    DRILL_STARTED Notice "81997129df4d8622b49a5dcf0e43eca5":
        "A drill began",
        "Somebody stands there and pulls the plug on purpose.",
        "Nothing. docs/drill.md has the steps.";
    DRILL_SAW Info "ad5324c65b1800dcc2eeb4b7b07b29e0":
        "The drill saw something",
        "What lives on battery, and how long it took.",
        "Nothing.";
    DRILL_PROVING Notice "fd1639ed351c7aa6167c26c75c1ce1dc":
        "The drill tries a sleep",
        "The cabinet goes to sleep on purpose and has to wake.",
        "Press the button when it is dark, as the drill says.";
    METHOD_PROVED Notice "59222f73d4000166365cfc7af007abc0":
        "A way of sleeping is proved",
        "It slept and woke, on this UPS and this battery.",
        "Nothing: the policy may use it from now on.";
    METHOD_DISPROVED Warning "7ba76e8e0d736c537431a7a642301913":
        "A way of sleeping does not work",
        "The machine came up by itself, or was never dark: the UPS's output is not cut, or comes back too early.",
        "Look at the UPS's settings (`cabinetd power recipe`), then drill again. Until then the cabinet sleeps a lighter way.";
    DRILL_ENDED Notice "28f2893ccec76ccc052a264d29e6f0ee":
        "The drill is over",
        "How it ended stands in the entry.",
        "`cabinetd check --only power` says what is proved now.";
    DRILL_OUTLASTED Warning "06a02e649d1b5cf998407f0887cd9ee3":
        "Mains is out, and it is no drill any more",
        "The outage began in a drill, and mains was not back five minutes after its end. From now on it counts as a real one.",
        "If nobody put the plug back: do so. If it is in, mains is out: `cabinetd outage` shows what is expected.";
}
