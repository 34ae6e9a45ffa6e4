//! `cabinetd power`: what an installer sets up so that the power policy has its way. What people order is in `power_orders.rs`.

mod recipe;
mod write;

use super::live::{Output, Paint, Tone};
use super::power_orders::PowerOrders;
use crate::config::Config;
use crate::io::upsmon::Version;
use clap::{Args, Subcommand};
use recipe::{Board, Passwords, Recipe};
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Subcommand, Debug)]
pub enum PowerCommand {
    /// Print what must be set on the machine, for this config: NUT, power-off, clock, Raspberry Pi
    ///
    /// upsmon out of the box defeats any power policy: it shuts down at the first "low battery", spurious ones too, and 15 s after
    /// the UPS falls silent. The recipe makes it the one owner of shutdown that acts when the policy says so.
    #[command(after_help = "Examples:\n  \
        cabinetd power recipe                       read it\n  \
        cabinetd power recipe --write-to recipe     the files with passwords of their own, and how to install them\n  \
        cabinetd power recipe --json | jq -r '.files[\"/etc/nut/upsmon.conf\"]'\n\n\
        Nothing on the machine is changed. docs/power-recipe.md says why each line is there. `cabinetd check` looks\n\
        at NUT's files, at the NUT that runs, at the polkit rule and at the rights to the clock's alarm. It does not see\n\
        the drop-in, the settings of the Raspberry Pi's firmware, or what the UPS does: the drill shows those. Exit codes: 0 done; 1 the config cannot be used or has no [ups], or a file is in\n\
        the way.")]
    Recipe(RecipeArgs),
    #[command(flatten)]
    Orders(PowerOrders),
}

/// What is to be printed.
#[derive(Args, Debug)]
pub struct RecipeArgs {
    /// Write the files below this folder, with new passwords; nothing that exists is overwritten
    #[arg(long, value_name = "DIR", conflicts_with = "json")]
    write_to: Option<PathBuf>,
    /// The version of NUT on the machine (`upsmon -V`); later ones want more lines
    #[arg(long, value_name = "VERSION", default_value = "2.8.0", value_parser = version)]
    nut: Version,
    /// Only this board's settings [default: this machine's, else all]
    #[arg(long, value_name = "BOARD")]
    board: Option<Board>,
    #[command(flatten)]
    output: Output,
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).ok_or_else(|| "a version is such as 2.8.0".to_owned())
}

/// Prints or writes the recipe.
#[must_use]
pub fn run(args: &RecipeArgs, config: &Config) -> ExitCode {
    match recipe(args, config, Board::of_this_machine()) {
        Ok(text) => {
            // A reader that has seen enough (`| head`) is no failure.
            let _ = io::stdout().lock().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("cabinetd: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Why there is no recipe.
#[derive(Debug, thiserror::Error)]
enum PowerError {
    #[error("this config names no UPS; write [ups] in it, with the name that upsd has for it (`upsc -l` lists them)")]
    NoUps,
    #[error("{0}")]
    Write(#[from] write::WriteError),
}

fn recipe(args: &RecipeArgs, config: &Config, here: Option<Board>) -> Result<String, PowerError> {
    let ups = config.ups.as_ref().ok_or(PowerError::NoUps)?;
    let with = |passwords| Recipe::new(config, ups, args.nut, args.board.or(here), passwords);
    if let Some(dir) = &args.write_to {
        let (passwords, new_password) = write::passwords(config)?;
        let recipe = with(passwords);
        let written = write::write(&recipe, dir, new_password.as_ref(), config)?;
        return Ok(written);
    }
    let recipe = with(Passwords::placeholders());
    if args.output.json {
        return Ok(json(&recipe));
    }
    Ok(text(&recipe, args.output.paint(io::stdout().is_terminal())))
}

fn json(recipe: &Recipe) -> String {
    let files: serde_json::Map<String, serde_json::Value> =
        recipe.files.iter().map(|file| (file.path.clone(), file.text.clone().into())).collect();
    let rights: serde_json::Map<String, serde_json::Value> =
        recipe.files.iter().map(|file| (file.path.clone(), file.rights().into())).collect();
    let notes: Vec<serde_json::Value> =
        recipe.notes.iter().map(|note| serde_json::json!({ "title": note.title, "text": note.text })).collect();
    let whole = serde_json::json!({
        "ups": recipe.ups, "sleep": recipe.sleep.word(), "packages": recipe.packages, "files": files, "rights": rights, "notes": notes
    });
    format!("{whole:#}\n")
}

fn text(recipe: &Recipe, paint: Paint) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let mut line = |line: &str| {
        let _ = writeln!(text, "{line}");
    };
    let title = format!("What to set up for the UPS {}, sleep {}", recipe.ups, recipe.sleep.word());
    line(&paint.tone(Tone::Strong, &title));
    line("Nothing is changed by this command. `--write-to DIR` writes the files, with passwords made for you.");
    line("");
    line(&paint.tone(Tone::Strong, "==> First"));
    line(&format!("apt-get install {}", recipe.packages));
    for file in &recipe.files {
        line("");
        line(&paint.tone(Tone::Strong, &format!("==> {}  ({})", file.path, file.rights())));
        line(file.text.trim_end());
    }
    for note in &recipe.notes {
        line("");
        line(&paint.tone(Tone::Strong, &format!("==> {}", note.title)));
        line(note.text.trim_end());
    }
    text
}

#[cfg(test)]
mod tests;
