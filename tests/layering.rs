//! The layers of the crate: who may import whom, checked in the source text.
//!
//! ```text
//! error <- wire <- crypto <- message <- client, server      transport <- client, server
//!                               ^-- inspect -> transport
//!                    ^-- crypto::rustcrypto                 client and server never meet; profile -> client
//!                    ^-- crypto::aws_lc_rs -> crypto::rustcrypto, for what is old
//!                                                 server, transport <- intune
//! ```
//!
//! Comments, strings, and items under `#[cfg(test)]` do not count. `lib.rs` may import anything.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Every layer, with the layers that it may import besides itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("wire", &["error"]),
    ("crypto", &["error", "wire"]),
    ("rustcrypto", &["crypto", "error", "wire"]),
    ("aws_lc_rs", &["crypto", "error", "wire", "rustcrypto"]),
    ("transport", &["error"]),
    ("message", &["wire", "crypto", "error"]),
    // It takes the HTTP off a capture, and so needs the text encodings of the transport.
    ("inspect", &["message", "wire", "crypto", "transport", "error"]),
    ("client", &["message", "wire", "crypto", "transport", "error"]),
    ("server", &["message", "wire", "crypto", "transport", "error"]),
    // What a device is told to ask for; the messages are the client's.
    ("profile", &["client", "wire", "crypto", "transport", "error"]),
    ("intune", &["server", "wire", "crypto", "transport", "error"]),
];

/// Layers that are modules of `crypto`.
const PROVIDERS: [&str; 2] = ["rustcrypto", "aws_lc_rs"];

/// Foreign crates that only one layer may name.
const FOREIGN: &[(&str, &str)] = &[
    ("rsa", "rustcrypto"),
    ("aes", "rustcrypto"),
    ("des", "rustcrypto"),
    ("cbc", "rustcrypto"),
    ("sha1", "rustcrypto"),
    ("sha2", "rustcrypto"),
    ("pkcs1", "rustcrypto"),
    ("pkcs8", "rustcrypto"),
    ("p256", "rustcrypto"),
    ("p384", "rustcrypto"),
    ("pbkdf2", "rustcrypto"),
    ("aws_lc_rs", "aws_lc_rs"),
    ("serde", "intune"),
    ("serde_json", "intune"),
];

#[test]
fn every_import_follows_an_arrow() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    assert!(files.len() > 10, "only {} files under {}", files.len(), source.display());

    let mut tokens = Vec::new();
    let mut test_files = BTreeSet::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let module = module_path(file.strip_prefix(&source).unwrap());
        let (code, test_modules) = without_tests(tokenize(&text));
        for name in test_modules {
            let mut path = module.clone();
            path.push(name);
            test_files.insert(path);
        }
        tokens.push((file, module, code));
    }
    let mut faults = Vec::new();
    for (file, module, code) in &tokens {
        if (1..=module.len()).any(|end| test_files.contains(&module[..end])) {
            continue;
        }
        for fault in violations(module, code) {
            faults.push(format!("{}: {fault}", file.display()));
        }
    }
    assert!(faults.is_empty(), "forbidden imports:\n{}", faults.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// `wire/oid.rs` is the module `wire::oid`, `wire/mod.rs` is `wire`, `lib.rs` is the root.
fn module_path(file: &Path) -> Vec<String> {
    let mut path: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_str().unwrap().to_string()).collect();
    if path.last().is_some_and(|last| last == "mod") || path == ["lib"] {
        path.pop();
    }
    path
}

/// The layer of a module or item path that starts at the root; `None` is the root itself or something unknown.
fn layer(path: &[String]) -> Option<&'static str> {
    let name = match path {
        [first, second, ..] if first == "crypto" && PROVIDERS.contains(&second.as_str()) => second,
        [first, ..] => first,
        [] => return None,
    };
    // Only `crypto::rustcrypto` is that layer.
    LAYERS
        .iter()
        .map(|(layer, _)| *layer)
        .find(|layer| layer == name && !PROVIDERS.contains(&path[0].as_str()))
}

/// What the code of one module imports and should not.
fn violations(module: &[String], code: &[Token]) -> Vec<String> {
    if module.is_empty() {
        return Vec::new();
    }
    let Some(own) = layer(module) else {
        return vec![format!("`{}` is not a known layer", module[0])];
    };
    let may = |target: &str| {
        target == own || LAYERS.iter().any(|(name, targets)| *name == own && targets.contains(&target))
    };
    let mut faults = Vec::new();
    for path in paths(code) {
        let shown = path.join("::");
        let (inside, rest) = match path[0].as_str() {
            "crate" => (Some(Vec::new()), &path[1..]),
            "self" | "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let skip = path.iter().take_while(|part| *part == "super" || *part == "self").count();
                (Some(module[..module.len().saturating_sub(ups)].to_vec()), &path[skip..])
            }
            _ => (None, &path[..]),
        };
        if let Some(mut target) = inside {
            target.extend_from_slice(rest);
            match layer(&target) {
                Some(target) if may(target) => {}
                Some(target) => faults.push(format!("{own} imports {target}: {shown}")),
                // An item that lib.rs re-exports hides where it comes from.
                None => faults.push(format!("{own} imports from the root: {shown}")),
            }
        } else if path[0] == "rustcrypto" && own != "rustcrypto" {
            faults.push(format!("{own} imports rustcrypto: {shown}"));
        } else if let Some((_, owner)) = FOREIGN.iter().find(|(name, _)| *name == path[0])
            && *owner != own
        {
            faults.push(format!("{own} names a crate that belongs to {owner}: {shown}"));
        }
    }
    faults
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    /// `::`
    Path,
    Other(char),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }
}

/// Words and marks, without comments and the contents of strings.
fn tokenize(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= chars.len() {
                        break;
                    }
                }
            }
            '"' => {
                i += 1;
                while i < chars.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            // A character, not a lifetime.
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            ':' if at(i + 1) == ':' => {
                tokens.push(Token::Path);
                i += 2;
            }
            c if c.is_alphanumeric() || c == '_' => {
                let start = i;
                while at(i).is_alphanumeric() || at(i) == '_' {
                    i += 1;
                }
                let word: String = chars[start..i].iter().collect();
                let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
                if matches!(word.as_str(), "r" | "br" | "cr") && at(i + hashes) == '"' {
                    // A raw string ends at a quote with as many hashes.
                    i += hashes + 1;
                    let ends = |i: usize| at(i) == '"' && (1..=hashes).all(|n| at(i + n) == '#');
                    while i < chars.len() && !ends(i) {
                        i += 1;
                    }
                    i += hashes + 1;
                } else {
                    tokens.push(Token::Word(word));
                }
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(Token::Other(c));
                }
                i += 1;
            }
        }
    }
    tokens
}

/// Takes out every item under `#[cfg(test)]` or `#[cfg(all(test, ..))]`; also gives the names of test modules that are
/// files of their own.
fn without_tests(tokens: Vec<Token>) -> (Vec<Token>, Vec<String>) {
    use Token::Other;
    let (mut code, mut modules) = (Vec::new(), Vec::new());
    let mut i = 0;
    while i < tokens.len() {
        if !is_test_attribute(&tokens[i..]) {
            code.push(tokens[i].clone());
            i += 1;
            continue;
        }
        while tokens.get(i) == Some(&Other('#')) {
            i = close(&tokens, i + 1);
        }
        let start = i;
        loop {
            match tokens.get(i) {
                None => break,
                Some(Other(';')) => {
                    i += 1;
                    break;
                }
                Some(Other('{')) => {
                    i = close(&tokens, i);
                    break;
                }
                Some(Other('(' | '[')) => i = close(&tokens, i),
                Some(_) => i += 1,
            }
        }
        if let [.., Token::Word(keyword), Token::Word(name), Other(';')] = &tokens[start..i]
            && keyword == "mod"
        {
            modules.push(name.clone());
        }
    }
    (code, modules)
}

fn is_test_attribute(tokens: &[Token]) -> bool {
    use Token::Other;
    match tokens {
        [Other('#'), Other('['), cfg, Other('('), test, Other(')' | ','), ..] => {
            cfg.is("cfg") && test.is("test")
        }
        [Other('#'), Other('['), cfg, Other('('), all, Other('('), test, Other(')' | ','), ..] => {
            cfg.is("cfg") && all.is("all") && test.is("test")
        }
        _ => false,
    }
}

/// The index after the bracket that closes the one at `open`.
fn close(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Other('(' | '[' | '{') => depth += 1,
            Token::Other(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// Every path of at least two parts, and every part of a `use` tree.
fn paths(code: &[Token]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < code.len() {
        if code[i].is("use") || (code[i].is("crate") && i > 0 && code[i - 1].is("extern")) {
            i += 1;
            tree(code, &mut i, &[], &mut found);
        } else if matches!(code[i], Token::Word(_)) && code.get(i + 1) == Some(&Token::Path) {
            tree(code, &mut i, &[], &mut found);
        } else {
            i += 1;
        }
    }
    found
}

/// Reads one path or `use` tree and moves `i` past it.
fn tree(code: &[Token], i: &mut usize, prefix: &[String], found: &mut Vec<Vec<String>>) {
    let mut path = prefix.to_vec();
    loop {
        match code.get(*i) {
            Some(Token::Path) => *i += 1,
            Some(Token::Word(word)) => {
                path.push(word.clone());
                *i += 1;
                if code.get(*i) != Some(&Token::Path) {
                    break;
                }
            }
            Some(Token::Other('{')) => {
                *i += 1;
                while *i < code.len() && code[*i] != Token::Other('}') {
                    match &code[*i] {
                        Token::Other(',') => *i += 1,
                        // `as name`
                        word if word.is("as") => *i += 2,
                        _ => tree(code, i, &path, found),
                    }
                }
                *i += 1;
                return;
            }
            Some(Token::Other('*')) => {
                *i += 1;
                break;
            }
            // A turbofish, or anything else that a path cannot go through.
            _ => {
                *i += 1;
                break;
            }
        }
    }
    if !path.is_empty() {
        found.push(path);
    }
}

fn faults(file: &str, text: &str) -> Vec<String> {
    violations(&module_path(Path::new(file)), &without_tests(tokenize(text)).0)
}

#[test]
fn the_checker_finds_every_forbidden_arrow() {
    // Negative control: each of these must be refused, each for one reason.
    for (file, text) in [
        ("error.rs", "use crate::wire::Limits;"),
        ("wire/oid.rs", "use crate::crypto::Provider;"),
        ("wire/oid.rs", "fn f() -> crate::message::Opened {}"),
        ("crypto/keys.rs", "use crate::message::Opened;"),
        ("crypto/mod.rs", "pub use rustcrypto::PROVIDER;"),
        ("crypto/mod.rs", "use self::rustcrypto::PROVIDER;"),
        ("crypto/keys.rs", "use super::rustcrypto;"),
        ("crypto/rustcrypto/rsa.rs", "use crate::transport::Method;"),
        ("crypto/rustcrypto/rsa.rs", "use crate::crypto::aws_lc_rs::PROVIDER;"),
        ("crypto/aws_lc_rs/rsa.rs", "use crate::message::Opened;"),
        ("crypto/aws_lc_rs/rsa.rs", "use sha1::Sha1;"),
        ("crypto/keys.rs", "use super::aws_lc_rs::SoftwareKey;"),
        ("crypto/ring.rs", "use ::aws_lc_rs::digest;"),
        ("transport/mod.rs", "use crate::wire;"),
        ("transport/url.rs", "use super::super::wire::Limits;"),
        ("message/open.rs", "use crate::crypto::{Provider, rustcrypto::PROVIDER};"),
        ("message/open.rs", "use crate::{error::Error, client::Client};"),
        ("client/mod.rs", "use crate::server::Responder;"),
        ("server/mod.rs", "use crate::{client};"),
        ("server/a/b.rs", "let x: super::super::super::client::Client;"),
        ("client/mod.rs", "use crate::profile::Values;"),
        ("profile/mod.rs", "use crate::server::Responder;"),
        ("profile/mod.rs", "use crate::message::Opened;"),
        ("client/mod.rs", "use crate::Error;"),
        ("client/mod.rs", "use crate::*;"),
        ("client/mod.rs", "macro_rules! m { () => { $crate::server::X } }"),
        ("client/mod.rs", "#[cfg(not(test))] use crate::server::X;"),
        ("client/mod.rs", "#[cfg(test)] mod tests { } use crate::server::X;"),
        ("client/mod.rs", "#[cfg(test)] use std::{a, b}; use crate::server::X;"),
        (
            "client/mod.rs",
            "const A: (char, &str, &str) = ('\"', r#\"\"//\"#, \"\\\"/*\"); use crate::server::X;",
        ),
        ("client/mod.rs", "fn f<'a>(x: &'a crate::server::X) {}"),
        ("message/seal.rs", "use rsa::Encode;"),
        ("message/seal.rs", "use {rsa as d};"),
        ("message/seal.rs", "extern crate rsa;"),
        ("message/seal.rs", "fn f(x: ::rsa::Any) {}"),
        ("wire/algorithm.rs", "let x = sha1::Sha1::new();"),
        ("crypto/keys.rs", "use rsa::RsaPrivateKey;"),
        ("novelty/mod.rs", "fn f() {}"),
        ("rustcrypto.rs", "fn f() {}"),
    ] {
        assert_eq!(faults(file, text).len(), 1, "{file}: {text}: {:?}", faults(file, text));
    }
}

#[test]
fn the_checker_lets_everything_else_through() {
    for (file, text) in [
        ("lib.rs", "pub use crypto::rustcrypto::PROVIDER; use crate::server::X;"),
        ("error.rs", "/// [`Limits`](crate::wire::Limits)\n/* /* crate::wire */ crate::wire */ fn f() {}"),
        (
            "error.rs",
            "const TEXT: &str = \"crate::wire::Limits\"; const RAW: &str = r#\"\"crate::wire::X\"#;",
        ),
        ("wire/oid.rs", "use crate::error::{Error, InvalidMessage}; use super::limits::Limits;"),
        ("wire/oid.rs", "pub(crate) fn f() { self::g(); Vec::<u8>::new(); }"),
        ("crypto/mod.rs", "#[cfg(feature = \"rustcrypto\")] pub mod rustcrypto;"),
        (
            "crypto/rustcrypto/rsa.rs",
            "use rsa::X; use super::super::keys::Signer; use crate::{wire, error::Error};",
        ),
        ("transport/mod.rs", "mod client; mod server; pub use client::get; use self::server::Call;"),
        (
            "client/mod.rs",
            "use crate::{crypto::{Provider, Signer as S}, message, transport::*, wire::der::X};",
        ),
        ("client/mod.rs", "#[cfg(test)]\nmod tests { use crate::{server::X, crypto::rustcrypto::P}; }"),
        ("client/mod.rs", "#[cfg(test)] #[allow(x)] fn f(a: [u8; 3]) -> crate::server::X { { } } fn g() {}"),
        ("client/mod.rs", "#[cfg(all(test, feature = \"x\"))] use crate::server::{A, B};"),
        ("client/mod.rs", "fn f() { let rsa = 1; aes(rsa); x.der(); }"),
    ] {
        assert_eq!(faults(file, text), Vec::<String>::new(), "{file}: {text}");
    }
}

#[test]
fn test_modules_in_files_of_their_own_are_known() {
    let (_, modules) = without_tests(tokenize(
        "#[cfg(test)] mod a; #[cfg(test)] pub(crate) mod b; #[cfg(test)] mod c {} mod d;",
    ));
    assert_eq!(modules, ["a", "b"]);
}
