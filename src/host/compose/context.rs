//! Which files of a build context the engine is given: all but what `.dockerignore` names.
//!
//! As the engine's own clients read it (github.com/moby/patternmatcher), which is not how git reads a `.gitignore`: every
//! pattern starts at the context's root, `**` stands for any number of folders, the last pattern that matches a file or a
//! folder it lies in decides, and a line is a comment only where `#` is its very first character.

use regex::Regex;

/// The rules of one build context.
#[derive(Debug, Default)]
pub(super) struct Ignored(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: Regex,
    /// `!`: what matches is taken after all.
    exception: bool,
}

impl Ignored {
    /// Fails with the number of the line, from 1, and what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let line = line.trim();
            let (exception, pattern) =
                line.strip_prefix('!').map_or((false, line), |pattern| (true, pattern.trim_start()));
            if line.is_empty() {
                continue;
            }
            let pattern = clean(pattern);
            let wrong = || (number + 1, format!("`{line}` is no pattern"));
            if exception && pattern == "." {
                return Err(wrong());
            }
            rules.push(Rule { pattern: expression(&pattern).ok_or_else(wrong)?, exception });
        }
        Ok(Self(rules))
    }

    /// Whether the file with this path, relative to the context, stays here.
    pub(super) fn leaves_out(&self, file: &str) -> bool {
        let folders = file.match_indices('/').map(|(end, _)| &file[..end]);
        let paths: Vec<&str> = std::iter::once(file).chain(folders).collect();
        self.0.iter().fold(false, |out, rule| {
            let turns = out == rule.exception && paths.iter().any(|path| rule.pattern.is_match(path));
            out != turns
        })
    }

    /// Whether the folder need not be looked into: no exception can bring a file in it back.
    pub(super) fn leaves_out_all_of(&self, folder: &str) -> bool {
        !self.0.iter().any(|rule| rule.exception) && self.leaves_out(folder)
    }
}

/// Without `.`, `..` and slashes that say nothing.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
        let can_go_up = parts.last().is_some_and(|last| *last != "..");
        match part {
            ".." if can_go_up => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

fn expression(pattern: &str) -> Option<Regex> {
    let mut expression = String::from("^");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                expression.push_str(if rest.peek().is_none() { ".*" } else { "(.*/)?" });
            }
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '\\' => expression.push_str(&regex::escape(&rest.next().unwrap_or('\\').to_string())),
            '[' => expression.push_str(&class(&mut rest)?),
            c => expression.push_str(&regex::escape(&c.to_string())),
        }
    }
    expression.push('$');
    Regex::new(&expression).ok()
}

/// What stands behind a `[`, with the `]` that ends it.
fn class(rest: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut class = String::from("[");
    let mut first = true;
    loop {
        match rest.next()? {
            ']' if !first => return Some(class + "]"),
            '^' if first => {
                class.push('^');
                continue;
            }
            '-' => class.push('-'),
            '\\' => class.push_str(&regex::escape(&rest.next()?.to_string())),
            c => class.push_str(&regex::escape(&c.to_string())),
        }
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::Ignored;

    fn left_out<'a>(rules: &str, files: &[&'a str]) -> Vec<&'a str> {
        let ignored = Ignored::parse(rules).unwrap();
        files.iter().copied().filter(|file| ignored.leaves_out(file)).collect()
    }

    #[test]
    fn patterns_start_at_the_root_of_the_context() {
        let files = ["target/a/b", "sub/target/a", "main.c", "docs/a.md", "docs/README.md"];
        assert_eq!(left_out("target\n./docs/\n!docs/README.md\n", &files), ["target/a/b", "docs/a.md"]);
        assert_eq!(left_out("/main.c\nsub/../docs", &files), ["main.c", "docs/a.md", "docs/README.md"]);
    }

    #[test]
    fn stars_stop_at_slashes_and_two_of_them_do_not() {
        let files = ["a.log", "x/a.log", "x/y/a.log", "x/y/b", "xa.log"];
        assert_eq!(left_out("*.log", &files), ["a.log", "xa.log"]);
        assert_eq!(left_out("*/*.log", &files), ["x/a.log"]);
        assert_eq!(left_out("**/*.log", &files), ["a.log", "x/a.log", "x/y/a.log", "xa.log"]);
        assert_eq!(left_out("x/**", &files), ["x/a.log", "x/y/a.log", "x/y/b"]);
        assert_eq!(left_out("x/**/b", &files), ["x/y/b"]);
        assert_eq!(left_out("**", &files).len(), files.len());
        assert_eq!(left_out("?.log\n**/y", &files), ["a.log", "x/y/a.log", "x/y/b"]);
        assert_eq!(left_out("[a-b].log", &files), ["a.log"]);
        assert_eq!(left_out("[^a].log\n\\*.log", &files), [""; 0]);
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let files = ["README.md", "README-secret.md", "docs/README.md", "main.c"];
        assert_eq!(
            left_out("*\n!README*.md\nREADME-secret.md", &files),
            ["README-secret.md", "docs/README.md", "main.c"]
        );
        assert_eq!(left_out("*\n! README*.md\n", &files), ["docs/README.md", "main.c"]);
        assert_eq!(left_out("README-secret.md\n!README*.md", &files), [""; 0]);
        assert_eq!(left_out("**\n!docs", &files), ["README.md", "README-secret.md", "main.c"]);
    }

    #[test]
    fn comments_begin_lines() {
        assert_eq!(left_out("\u{feff}# no\n #a\n\n", &["#a", "no"]), ["#a"]);
    }

    #[test]
    fn folders_are_looked_into_when_an_exception_may_lie_in_them() {
        assert!(Ignored::parse("docs").unwrap().leaves_out_all_of("docs"));
        assert!(!Ignored::parse("docs\n!docs/a").unwrap().leaves_out_all_of("docs"));
        assert!(!Ignored::parse("docs").unwrap().leaves_out_all_of("src"));
    }

    #[test]
    fn a_pattern_that_is_none_is_told_with_its_line() {
        assert_eq!(Ignored::parse("a\n[b").unwrap_err(), (2, "`[b` is no pattern".to_owned()));
        assert_eq!(Ignored::parse("!").unwrap_err().0, 1);
    }
}
