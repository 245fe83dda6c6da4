//! `CONFORMANCE.md` and the comments in the code say the same: every id that a comment cites has a row there, and every
//! test that a row names exists and cites the id. A row that obliges names a test, or says why none can show it.
//!
//! A test cites an id in the comment above it or anywhere inside it. `R-2.9`, without a last number, is a section: it
//! needs a row of that section and shows none of them.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Ids that begin with one of these and go on with `-` and a number of one or two digits.
const NUMBERED: &[&str] = &["ALG", "GCM", "I", "MMA", "N", "P10", "P9", "PWRI", "X"];
/// Where comments cite ids.
const FOLDERS: &[&str] = &["benches", "src", "tests", "examples"];

#[test]
fn comments_and_rows_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("tests/CONFORMANCE.md")).unwrap();
    let mut sources = Vec::new();
    for folder in FOLDERS {
        collect(root, &root.join(folder), &mut sources);
    }
    let code = Code::read(&sources);
    let rows = rows(&document).0.len();
    assert!(rows > 300, "only {rows} rows");
    assert!(code.functions.len() > 200, "only {} tests", code.functions.len());
    assert!(code.cited.len() > 100, "only {} ids", code.cited.len());

    let faults = faults(&document, &sources);
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_promise_names_what_shows_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let mut sources = Vec::new();
    collect(root, &root.join("src"), &mut sources);
    collect(root, &root.join("tests"), &mut sources);
    let code = Code::read(&sources);
    let exists = |name: &str| match name.contains('/') {
        true => root.join(name).exists(),
        false => code.functions.contains_key(name),
    };
    let (promises, faults) = promises(&document, exists);
    assert!(promises > 15 && faults.is_empty(), "{promises} promises, faults:\n{}", faults.join("\n"));

    let sample = "## What is promised\n- **A.** One `x`. Shown by `a`,\n  `b`.\n- **B.** Two.\n## More\n- **C.** Three.\n";
    let (promises, faults) = self::promises(sample, |name| name == "a");
    assert_eq!(promises, 2);
    assert_eq!(
        faults,
        ["there is no b, which shows `A.** One `x`. Shown by `a`,`", "nothing shows `B.** Two.`"]
    );
}

/// How many items the section of promises has, and what is wrong with what they name.
fn promises(document: &str, exists: impl Fn(&str) -> bool) -> (usize, Vec<String>) {
    let section = document.split("## What is promised\n").nth(1).unwrap_or("");
    let section = section.split("\n## ").next().unwrap_or("");
    let items: Vec<&str> = section.split("- **").skip(1).collect();
    let mut faults = Vec::new();
    for item in &items {
        let title = item.lines().next().unwrap_or("");
        let names: Vec<&str> = match item.split_once("Shown by") {
            Some((_, names)) => names.split('`').skip(1).step_by(2).collect(),
            None => Vec::new(),
        };
        if names.is_empty() {
            faults.push(format!("nothing shows `{title}`"));
        }
        let missing = names.iter().filter(|name| !exists(name));
        faults.extend(missing.map(|name| format!("there is no {name}, which shows `{title}`")));
    }
    (items.len(), faults)
}

/// Path from the root of the crate, text.
type Source = (String, String);

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            sources.push((name, fs::read_to_string(path).unwrap()));
        }
    }
}

struct Row<'a> {
    id: &'a str,
    level: &'a str,
    tests: Vec<&'a str>,
    /// What is behind the dash.
    words: &'a str,
}

/// The levels that a row may have; all but the last three also with an asterisk, when the RFC does not say the word.
const LEVELS: &[&str] =
    &["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "REC", "OPT", "MAY", "A", "POLICY", "info"];

/// Who may decide or do what is left to somebody.
const OTHERS: &[&str] =
    &["the server's owner", "the client's owner", "the CA", "the HTTP client", "the HTTP server"];

impl Row<'_> {
    fn has_level(&self) -> bool {
        match self.level.strip_suffix("\\*") {
            Some(level) => LEVELS[..7].contains(&level),
            None => LEVELS.contains(&self.level),
        }
    }

    fn obliges(&self) -> bool {
        ["MUST", "MUST NOT", "A"].contains(&self.level.trim_end_matches("\\*"))
    }

    /// What is wrong with the reason for having no test.
    fn fault_of_reason(&self, rows: &[Row<'_>]) -> Option<String> {
        let begins = |words: &str, with: &str| {
            words
                .strip_prefix(with)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        };
        if let Some(who) = self.words.strip_prefix("left to ") {
            let known = OTHERS.iter().any(|other| begins(who, other));
            return (!known).then(|| format!("left to whom? `{who}`"));
        }
        if let Some(where_to) = self.words.strip_prefix("see ") {
            let cited = citations(where_to.split([':', ';']).next().unwrap_or(""));
            let shown = |citation: &Citation| {
                let Citation::Id(id) = citation else { return false };
                rows.iter().any(|row| row.id == id && !row.tests.is_empty())
            };
            let all = !cited.is_empty() && cited.iter().all(shown);
            return (!all).then(|| format!("no test shows what `see {where_to}` leads to"));
        }
        (!begins(self.words, "not of the protocol"))
            .then(|| format!("`{}` is no reason for having no test", self.words))
    }
}

/// The rows of every table with five columns, and what is wrong with them.
fn rows(document: &str) -> (Vec<Row<'_>>, Vec<String>) {
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(document.lines()) {
        let Some(line) = line.strip_prefix('|') else { continue };
        let cells: Vec<&str> = line.trim_end().trim_end_matches('|').split('|').map(str::trim).collect();
        let [id, _, level, _, shown] = cells[..] else {
            faults.push(format!("line {number}: {} cells instead of 5", cells.len()));
            continue;
        };
        if id == "id" || id.starts_with("---") {
            continue;
        }
        if citations(id) != [Citation::Id(id.to_string())] {
            faults.push(format!("line {number}: `{id}` is no id"));
        }
        let (names, words) = shown.split_once('—').unwrap_or((shown, ""));
        let tests: Vec<&str> = names
            .split(',')
            .map(|name| name.trim().trim_matches('`'))
            .filter(|name| !name.is_empty())
            .collect();
        if tests.is_empty() && words.trim().is_empty() {
            faults.push(format!("line {number}: {id} names no test and does not say why"));
        }
        let row = Row { id, level, tests, words: words.trim() };
        if !row.has_level() {
            faults.push(format!("line {number}: `{level}` is no level"));
        }
        rows.push(row);
    }
    (rows, faults)
}

/// What comments cite, with the places; and the tests, with what each cites. There may be several of one name.
#[derive(Default)]
struct Code {
    cited: BTreeMap<Citation, Vec<String>>,
    functions: BTreeMap<String, BTreeSet<Citation>>,
}

impl Code {
    fn read(sources: &[Source]) -> Self {
        let mut code = Self::default();
        for (path, text) in sources {
            let lines: Vec<&str> = text.lines().collect();
            for (number, line) in (1..).zip(&lines) {
                for citation in citations(comment(line)) {
                    code.cited.entry(citation).or_default().push(format!("{path}:{number}"));
                }
            }
            for (at, line) in lines.iter().enumerate() {
                if line.trim() == "#[test]"
                    && !path.starts_with("examples")
                    && let Some((name, text)) = function(&lines, at)
                {
                    let cites = text.iter().flat_map(|line| citations(line));
                    code.functions.entry(name.to_string()).or_default().extend(cites);
                }
            }
        }
        code
    }
}

/// The name of the test with its `#[test]` on the line `at`, and its lines with the comments and attributes above.
fn function<'a, 'l>(lines: &'l [&'a str], at: usize) -> Option<(&'a str, &'l [&'a str])> {
    let above = lines[..at].iter().rev().take_while(|line| line.trim().starts_with(['#', '/'])).count();
    let head = (at..lines.len()).find(|line| lines[*line].trim_start().starts_with("fn "))?;
    let name = lines[head].trim_start().strip_prefix("fn ")?.split('(').next()?;
    let indent = lines[at].len() - lines[at].trim_start().len();
    let closes = |line: &&str| line.starts_with(&format!("{:indent$}}}", ""));
    let end = if lines[head].trim_end().ends_with('}') {
        head
    } else {
        lines.iter().skip(head).position(closes)? + head
    };
    Some((name, &lines[at - above..=end]))
}

/// What is behind `//`, unless that is inside a string.
fn comment(line: &str) -> &str {
    let (mut in_string, mut rest) = (false, line);
    while let Some(first) = rest.chars().next() {
        let skip = if in_string && first == '\\' {
            2
        } else if rest.starts_with("'\"'") {
            3
        } else if !in_string && rest.starts_with("//") {
            return rest;
        } else {
            in_string ^= first == '"';
            first.len_utf8()
        };
        rest = rest.get(skip..).unwrap_or("");
    }
    ""
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Citation {
    Id(String),
    /// A section, without a requirement.
    Section(String),
    /// Begins like an id and goes on, as a range of ids does.
    Unclear(String),
}

/// All that `text` cites.
fn citations(text: &str) -> Vec<Citation> {
    let mut found = Vec::new();
    let mut quirks = false;
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
    for word in words.map(|word| word.trim_matches(['.', '-'])).filter(|word| !word.is_empty()) {
        if matches!(word, "quirk" | "quirks") {
            quirks = true;
        } else if let Some((first, last)) = range(word).filter(|_| quirks) {
            found.extend((first..=last).map(|number| Citation::Id(format!("quirk {number}"))));
        } else {
            quirks = false;
            found.extend(cited(word));
        }
    }
    found
}

/// `7` or `1-3`.
fn range(word: &str) -> Option<(u8, u8)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn cited(word: &str) -> Option<Citation> {
    // the longest beginning that is an id
    let end = (2..=word.len()).rev().find(|end| is_id(&word[..*end]) || is_section(&word[..*end]))?;
    let (citation, rest) = word.split_at(end);
    match rest.chars().next() {
        None if is_id(citation) => Some(Citation::Id(citation.to_string())),
        None => Some(Citation::Section(citation.to_string())),
        Some('.' | '-') => Some(Citation::Unclear(word.to_string())),
        Some(_) => None,
    }
}

fn is_id(word: &str) -> bool {
    let digits = |text: &str| matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    // `A0` and the like are octets
    word.strip_prefix('A').is_some_and(|number| !number.starts_with('0') && digits(number))
        || word.strip_prefix(['E', 'P', 'Q', 'T']).is_some_and(digits)
        || word
            .rsplit_once('-')
            .is_some_and(|(front, number)| digits(number) && (is_section(front) || NUMBERED.contains(&front)))
}

/// `R-` or `C-` and numbers with points between them.
fn is_section(word: &str) -> bool {
    let section = word.strip_prefix("R-").or_else(|| word.strip_prefix("C-"));
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    section.is_some_and(|section| section.split('.').all(number))
}

/// Everything that does not agree.
fn faults(document: &str, sources: &[Source]) -> Vec<String> {
    let code = Code::read(sources);
    let (rows, mut faults) = rows(document);
    let mut ids = BTreeSet::new();
    for row in &rows {
        if !ids.insert(row.id) {
            faults.push(format!("{} has two rows", row.id));
        }
        if row.tests.is_empty() && row.obliges() {
            faults.extend(row.fault_of_reason(&rows).map(|fault| format!("{}: {fault}", row.id)));
        }
        for test in &row.tests {
            match code.functions.get(*test) {
                None => faults.push(format!("{}: there is no test `{test}`", row.id)),
                Some(cites) if cites.contains(&Citation::Id(row.id.to_string())) => {}
                Some(_) => faults.push(format!("{}: `{test}` does not cite it", row.id)),
            }
        }
    }
    for (citation, places) in &code.cited {
        let fault = match citation {
            Citation::Id(id) if ids.contains(id.as_str()) => continue,
            Citation::Id(id) => format!("{id} has no row"),
            Citation::Section(section) => {
                let of_section =
                    |id: &&str| id.strip_prefix(section.as_str()).is_some_and(|rest| rest.starts_with('-'));
                if ids.iter().any(of_section) {
                    continue;
                }
                format!("{section} has no rows")
            }
            Citation::Unclear(word) => format!("`{word}` is not one id: cite each by itself"),
        };
        faults.push(format!("{}: {fault}", places.join(", ")));
    }
    faults
}

/// A document and a source that agree.
fn sample() -> (String, String) {
    let document = [
        "# Words, and a list: T99",
        "",
        "| id | section | level | what must hold | shown by |",
        "|---|---|---|---|---|",
        "| R-2.9-3 | 2.9 | MUST NOT | No MD5. | `refuses_md5`, `refuses_more` |",
        "| X-2 | 4.1.2.2 | MUST | Odd numbers. | `refuses_more` — the rest is not built yet |",
        "| T31 | C | A | Forged replies. | — left to the CA, as it should be |",
        "| T32 | C | A | Others. | — see X-2, quirk 2: they show it |",
        "| T33 | C | MUST\\* | More. | — not of the protocol |",
        "| T34 | C | SHOULD | Less. | — nobody knows |",
        "| quirk 2 | — | A | Line ends. | `refuses_more` |",
        "| quirk 3 | — | A | Plus signs. | `refuses_more` |",
    ];
    let source = [
        "/// What R-2.9 asks for (X-2): see AES-128, RFC 5652, P-256, PKCS-12 and T31.",
        "const A: &str = \"http://ca.test/ T98\";",
        "",
        "// R-2.9-3: in a word",
        "#[cfg(any())]",
        "#[test]",
        "fn refuses_md5() {",
        "    assert!(true);",
        "}",
        "mod tests {",
        "    #[test]",
        "    fn refuses_more() {",
        "        // R-2.9-3, X-2, quirks 2-3",
        "        if a {",
        "        }",
        "    }",
        "",
        "    #[test]",
        "    fn cites_nothing() {}",
        "",
        "    // T31",
        "    fn is_no_test() {}",
        "}",
    ];
    (document.join("\n"), source.join("\n"))
}

#[test]
fn the_checker_finds_every_disagreement() {
    let check = |document: &str, source: &str| faults(document, &[("src/a.rs".into(), source.into())]);
    let (document, source) = sample();
    assert_eq!(check(&document, &source), Vec::<String>::new());

    // Negative control: each of these changes has to be found.
    for (in_document, from, to, fault) in [
        (true, "| T31 | C", "| T35 | C", "src/a.rs:1, src/a.rs:21: T31 has no row"),
        (true, "| quirk 3 |", "| quirk 4 |", "src/a.rs:13: quirk 3 has no row"),
        (true, "`refuses_md5`", "`refuses_md4`", "R-2.9-3: there is no test `refuses_md4`"),
        (true, "`refuses_md5`", "`is_no_test`", "R-2.9-3: there is no test `is_no_test`"),
        (true, "`refuses_md5`", "`cites_nothing`", "R-2.9-3: `cites_nothing` does not cite it"),
        (true, "`refuses_more` — the", "`refuses_md5` — the", "X-2: `refuses_md5` does not cite it"),
        (true, "| T31 |", "| X-2 |", "X-2 has two rows"),
        (true, "— left to the CA, as it should be |", "|", "line 7: T31 names no test and does not say why"),
        (true, "left to the CA,", "left to the CAT,", "T31: left to whom? `the CAT, as it should be`"),
        (true, "left to the CA,", "built,", "T31: `built, as it should be` is no reason for having no test"),
        (true, "see X-2", "see T31", "T32: no test shows what `see T31, quirk 2: they show it` leads to"),
        (true, "see X-2", "see X-3", "T32: no test shows what `see X-3, quirk 2: they show it` leads to"),
        (true, "see X-2, quirk 2", "see", "T32: `see: they show it` is no reason for having no test"),
        (true, "not of the", "not in the", "T33: `not in the protocol` is no reason for having no test"),
        (true, "| SHOULD |", "| MUST NOT |", "T34: `nobody knows` is no reason for having no test"),
        (true, "| SHOULD |", "| must |", "line 10: `must` is no level"),
        (true, "| A | Others", "| A\\* | Others", "line 8: `A\\*` is no level"),
        (true, "| T31 | C |", "| T31 |", "line 7: 4 cells instead of 5"),
        (true, "| T31 |", "| T31a |", "line 7: `T31a` is no id"),
        (true, "| T31 |", "| R-3.2 |", "line 7: `R-3.2` is no id"),
        (false, "// T31", "// T31, E7", "src/a.rs:21: E7 has no row"),
        (false, "in a word", "and R-2.9-4", "src/a.rs:4: R-2.9-4 has no row"),
        (false, "R-2.9 asks", "R-2.8 asks", "src/a.rs:1: R-2.8 has no rows"),
        (false, "// T31", "// T31-T33", "src/a.rs:21: `T31-T33` is not one id: cite each by itself"),
        (false, "in a word", "to R-2.9-3..5", "src/a.rs:4: `R-2.9-3..5` is not one id: cite each by itself"),
        (false, "#[cfg(any())]", "fn f() {}", "R-2.9-3: `refuses_md5` does not cite it"),
        (false, "\"http://ca.test/ T98\"", "'\"'; // T98", "src/a.rs:2: T98 has no row"),
    ] {
        let changed = if in_document { &document } else { &source };
        assert!(changed.contains(from), "{from}");
        let changed = changed.replacen(from, to, 1);
        let found = if in_document { check(&changed, &source) } else { check(&document, &changed) };
        assert!(found.iter().any(|found| found == fault), "{from} -> {to}: {found:?}");
    }
}

#[test]
fn ids_are_told_from_other_words() {
    let ids = |text: &str| citations(text).into_iter().map(|found| format!("{found:?}")).collect::<Vec<_>>();
    let id = |id: &str| format!("Id({id:?})");
    assert_eq!(ids("(E6–E20), P9-4/P9 and `R-3-1`."), ["E6", "E20", "P9-4", "P9", "R-3-1"].map(id));
    assert_eq!(ids("A4, A43: (A10)"), ["A4", "A43", "A10"].map(id));
    assert_eq!(ids("quirks 1-3, 5 and 4"), ["quirk 1", "quirk 2", "quirk 3", "quirk 5"].map(id));
    assert_eq!(
        ids("SHA-256 X-509 P256 T61String E1a RFC-5280 T T123 C-ABI 7.1-2 case 12 A0 A07 A4F"),
        [""; 0]
    );
}
