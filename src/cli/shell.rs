//! How each shell is told to set a variable, and to forget one. Forms and hints are those of Docker Machine, whose users have
//! scripts that read them.

use super::args::Shell;

/// What a shell is told.
#[derive(Debug, Default)]
pub(super) struct Settings {
    set: Vec<(&'static str, String)>,
    forgotten: Vec<&'static str>,
}

impl Settings {
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.set.push((name, value.into()));
    }

    pub(super) fn forget(&mut self, name: &'static str) {
        self.forgotten.push(name);
    }

    /// In the words of a shell, with how `command` is used in it.
    pub(super) fn text(&self, shell: Shell, command: &str) -> String {
        let assign = |(name, value): &(&'static str, String)| set(shell, name, value);
        // In `eval $(…)` without quotes all of it is one line for such a shell, which goes on exporting: empty counts as unset.
        let is_one_line = shell == Shell::Sh && !self.set.is_empty();
        let drop = |name: &&'static str| if is_one_line { set(shell, name, "") } else { forget(shell, name) };
        let words = self.set.iter().map(assign).chain(self.forgotten.iter().map(drop));
        words.chain([hint(shell, command)]).collect()
    }
}

/// The one that `SHELL` names.
pub(super) fn of_user() -> Shell {
    let path = std::env::var("SHELL").unwrap_or_default();
    match path.rsplit('/').next() {
        Some("fish") => Shell::Fish,
        Some("tcsh" | "csh") => Shell::Tcsh,
        Some("pwsh") => Shell::Powershell,
        _ => Shell::Sh,
    }
}

fn set(shell: Shell, name: &str, value: &str) -> String {
    let value = &quoted(shell, value);
    match shell {
        Shell::Sh => format!("export {name}=\"{value}\"\n"),
        Shell::Fish => format!("set -gx {name} \"{value}\";\n"),
        Shell::Powershell => format!("$Env:{name} = \"{value}\"\n"),
        Shell::Cmd => format!("SET {name}={value}\n"),
        Shell::Tcsh => format!("setenv {name} \"{value}\";\n"),
        Shell::Emacs => format!("(setenv \"{name}\" \"{value}\")\n"),
    }
}

/// What means something between a shell's double quotes.
fn quoted(shell: Shell, value: &str) -> String {
    let (special, escape) = match shell {
        Shell::Sh | Shell::Tcsh => ("\\\"$`", '\\'),
        Shell::Fish => ("\\\"$", '\\'),
        Shell::Emacs => ("\\\"", '\\'),
        Shell::Powershell => ("`\"$", '`'),
        Shell::Cmd => ("", '^'),
    };
    let escaped = |c: char| special.contains(c).then_some(escape).into_iter().chain([c]);
    value.chars().flat_map(escaped).collect()
}

fn forget(shell: Shell, name: &str) -> String {
    match shell {
        Shell::Sh => format!("unset {name}\n"),
        Shell::Fish => format!("set -e {name};\n"),
        Shell::Powershell => format!("Remove-Item Env:\\\\{name}\n"),
        Shell::Cmd => format!("SET {name}=\n"),
        Shell::Tcsh => format!("unsetenv {name};\n"),
        Shell::Emacs => format!("(setenv \"{name}\" nil)\n"),
    }
}

fn hint(shell: Shell, command: &str) -> String {
    let (comment, line) = match shell {
        Shell::Sh => ("#", format!("eval $({command})")),
        Shell::Fish => ("#", format!("eval ({command})")),
        Shell::Powershell => ("#", format!("& {command} | Invoke-Expression")),
        Shell::Cmd => ("REM", format!("\t@FOR /f \"tokens=*\" %i IN ('{command}') DO @%i")),
        Shell::Tcsh => (":", format!("eval `{command}`")),
        Shell::Emacs => {
            (";;", format!("(with-temp-buffer (shell-command \"{command}\" (current-buffer)) (eval-buffer))"))
        }
    };
    format!("{comment} Run this command to configure your shell: \n{comment} {line}\n")
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn each_shell_is_told_in_its_own_words() {
        let mut settings = Settings::default();
        settings.set("DOCKER_HOST", "unix:///run/shop.web.sock");
        settings.forget("DOCKER_CONTEXT");
        let all: Vec<_> =
            Shell::value_variants().iter().map(|shell| settings.text(*shell, "machine env web")).collect();
        insta::assert_snapshot!(all.join("\n"), @r#"
        export DOCKER_HOST="unix:///run/shop.web.sock"
        export DOCKER_CONTEXT=""
        # Run this command to configure your shell: 
        # eval $(machine env web)

        set -gx DOCKER_HOST "unix:///run/shop.web.sock";
        set -e DOCKER_CONTEXT;
        # Run this command to configure your shell: 
        # eval (machine env web)

        $Env:DOCKER_HOST = "unix:///run/shop.web.sock"
        Remove-Item Env:\\DOCKER_CONTEXT
        # Run this command to configure your shell: 
        # & machine env web | Invoke-Expression

        SET DOCKER_HOST=unix:///run/shop.web.sock
        SET DOCKER_CONTEXT=
        REM Run this command to configure your shell: 
        REM 	@FOR /f "tokens=*" %i IN ('machine env web') DO @%i

        setenv DOCKER_HOST "unix:///run/shop.web.sock";
        unsetenv DOCKER_CONTEXT;
        : Run this command to configure your shell: 
        : eval `machine env web`

        (setenv "DOCKER_HOST" "unix:///run/shop.web.sock")
        (setenv "DOCKER_CONTEXT" nil)
        ;; Run this command to configure your shell: 
        ;; (with-temp-buffer (shell-command "machine env web" (current-buffer)) (eval-buffer))
        "#);
    }

    #[test]
    fn a_shell_with_and_without_quotes_around_it_understands_what_it_is_told() {
        let mut settings = Settings::default();
        settings.set("HERE", "a \"b\" $c `d` \\");
        settings.forget("GONE");
        let text = settings.text(Shell::Sh, "machine env web");
        for line in ["eval $text", "eval \"$text\""] {
            let script = format!("{line}\nprintf '%s|%s' \"$HERE\" \"$GONE\"");
            let mut sh = std::process::Command::new("sh");
            let ran = sh.args(["-c", &script]).env("text", &text).env("GONE", "there").output().unwrap();
            assert_eq!(String::from_utf8_lossy(&ran.stdout), "a \"b\" $c `d` \\|", "{line}");
        }
    }
}
