use super::*;
use crate::wire::tlv;
use NameSyntax::{Rfc4514, Windows};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;

fn template(text: &str, syntax: NameSyntax) -> Result<SubjectTemplate, TemplateError> {
    SubjectTemplate::parse(text, syntax, &Vocabulary::new())
}

fn shown(text: &str, syntax: NameSyntax) -> String {
    let template = template(text, syntax).unwrap_or_else(|error| panic!("{text}: {error}"));
    template.expand(&Values::new()).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

fn jane(value: &str) -> Values {
    Values::new().with(Variable::UserName, value).with(Variable::EmailAddress, "jane@example.com")
}

// A33
#[test]
fn the_subject_of_the_guide_becomes_a_name_in_its_order() {
    let text = "CN={{UserName}},E={{EmailAddress}},OU=Mobile,O=Finance Group,L=Redmond,ST=Washington,C=US";
    let name = template(text, Windows).unwrap().expand(&jane("jane")).unwrap();
    let read: Vec<_> = name.name().attributes().map(|one| (one.oid, one.tag, one.text().unwrap())).collect();
    let expected = [
        (Oid::COMMON_NAME, tlv::UTF8_STRING, "jane"),
        (Oid::EMAIL_ADDRESS, tlv::IA5_STRING, "jane@example.com"),
        (Oid::ORGANIZATIONAL_UNIT_NAME, tlv::UTF8_STRING, "Mobile"),
        (Oid::ORGANIZATION_NAME, tlv::UTF8_STRING, "Finance Group"),
        (Oid::LOCALITY_NAME, tlv::UTF8_STRING, "Redmond"),
        (Oid::STATE_OR_PROVINCE_NAME, tlv::UTF8_STRING, "Washington"),
        (Oid::COUNTRY_NAME, tlv::PRINTABLE_STRING, "US"),
    ];
    assert_eq!(read, expected.map(|(oid, tag, text)| (oid, tag, text.to_string())));
}

// A33
#[test]
fn windows_names_have_their_quotes_separators_keys_and_object_identifiers() {
    for (text, name) in [
        // the example of Microsoft's documentation of CertNameToStr
        (
            r#"OU=" Microsoft", CN="Joe ""Cool""" + T="Programmer, Manager""#,
            r#"OU=\ Microsoft, CN=Joe \"Cool\"+title=Programmer\, Manager"#,
        ),
        ("CN=a;O=b,OU=c", "CN=a, O=b, OU=c"),
        (" CN = a b  ; O=\"\"\"\" ", r#"CN=a b, O=\""#),
        (r"CN=EXAMPLE\dev1", r"CN=EXAMPLE\\dev1"),
        (
            "email=a@b,G=c,I=d,SN=e,S=f,street=g,DC=h",
            "emailAddress=a@b, GN=c, 2.5.4.43=d, SN=e, ST=f, STREET=g, DC=h",
        ),
        ("OID.2.5.4.3=a,2.5.4.10=b,1.2.3.4=c", "CN=a, O=b, 1.2.3.4=c"),
        (
            "SerialNumber=17,Description=x,PostalCode=12345,Title=y",
            "serialNumber=17, 2.5.4.13=x, 2.5.4.17=12345, title=y",
        ),
        ("CN=a=b<c>'d'", r"CN=a\=b\<c\>'d'"),
        ("CN=Müller", "CN=Müller"),
    ] {
        assert_eq!(shown(text, Windows), name, "{text}");
    }
}

// A33
#[test]
fn rfc_4514_names_have_their_escapes() {
    for text in [
        r"CN=a\, b\+c\=d",
        r#"CN="a, b+c=d ""#,
        r#"CN="say \"hi\"" "#,
        r"CN=\ a b\  ",
        r"CN=\#1",
        r"CN=M\C3\BCller",
        r"CN=back\\slash, O=x+OU=y, 2.5.4.5=17, C=DE",
        "CN=a=b",
    ] {
        let other: DistinguishedName = text.parse().unwrap();
        assert_eq!(shown(text, Rfc4514), other.to_string(), "{text}");
    }
    // braces that are escaped are no variable's
    assert_eq!(shown(r"CN=\{\{UserName\}\}", Rfc4514), "CN={{UserName}}");
    assert_eq!(shown(r"CN=\7B\7D", Rfc4514), "CN={}");
    let mixed = template(r"CN=\{{{UserName}}\}\C3\A4", Rfc4514).unwrap().expand(&jane("x")).unwrap();
    assert_eq!(mixed.to_string(), "CN={x}ä");
}

// A31, A33
#[test]
fn text_that_is_no_subject_is_told_with_its_place() {
    use TemplateError::*;
    for (text, error) in [
        ("", Empty { at: 0 }),
        ("  ", Empty { at: 2 }),
        ("CN", Syntax { at: 0 }),
        ("CN=", Empty { at: 3 }),
        ("CN=\"\"", Empty { at: 5 }),
        ("CN=a,", Empty { at: 5 }),
        ("CN=a,,O=b", UnknownAttribute { at: 5 }),
        ("CN=a+", Empty { at: 5 }),
        ("CN=a, XY=b", UnknownAttribute { at: 6 }),
        ("=a", UnknownAttribute { at: 0 }),
        ("CN=\"a", UnclosedQuote { at: 3 }),
        ("CN=\"a\"b", Syntax { at: 6 }),
        ("CN=a\"b\"", Syntax { at: 4 }),
        ("CN=#0500", Syntax { at: 3 }),
        ("CN=a\nb", ForbiddenChar { character: '\n', at: 4 }),
        ("CN=a,C=DEU", UnsuitableValue { at: 7 }),
        ("DC=ä", UnsuitableValue { at: 3 }),
        ("CN={UserName}", UnmatchedBrace { at: 3 }),
        ("O=ä,CN={{UserName", UnmatchedBrace { at: 8 }),
        ("O=a,CN={{User,Name}}", UnmatchedBrace { at: 7 }),
        ("O=a,CN=\"{{Nobody}}\"", UnknownVariable { at: 8 }),
        ("{{UserName}}", Syntax { at: 0 }),
        ("CN=a,{{UserName}}=b", UnknownAttribute { at: 5 }),
    ] {
        assert_eq!(template(text, Windows), Err(error), "{text}");
    }
    for (text, at) in [("CN=a;O=b", 4), ("CN=a<b", 4), ("CN=a\\", 4), ("CN=\\C3", 3)] {
        assert_eq!(template(text, Rfc4514), Err(Syntax { at }), "{text}");
    }
    assert_eq!(template(&"O=x,".repeat(33), Windows), Err(Empty { at: 132 }));
    assert_eq!(template(&format!("{}CN=x", "O=x,".repeat(32)), Windows), Err(TooLong));
    assert_eq!(template(&format!("{}CN=x", "O=x+".repeat(8)), Windows), Err(TooLong));
    assert!(template(&format!("{}CN=x", "O=x,".repeat(31)), Windows).is_ok());
    // found by fuzzing: what is too long without any value is told when it is read
    assert_eq!(template(&format!("CN={}", "x".repeat(1025)), Windows), Err(TooLong));
    assert!(template(&format!("CN={}", "x".repeat(1024)), Windows).is_ok());
}

// A34
#[test]
fn whatever_a_value_holds_it_stays_one_value() {
    let subject = template("O=Example,CN={{UserName}}+OU=x,C=DE", Windows).unwrap();
    for hostile in [
        "jane,CN=admin",
        "jane+CN=admin",
        "jane;CN=admin",
        "jane\",CN=\"admin",
        "jane\\,CN=admin",
        "{{EmailAddress}}",
        "}}{{",
        "#1300",
        " jane ",
        "CN=Jane,OU=Users,DC=example",
        "\u{202E}nimda\u{202C}",
        "=",
        "'\"<>",
        "a\u{2028}b",
    ] {
        let name = subject.expand(&jane(hostile)).unwrap_or_else(|error| panic!("{hostile}: {error}"));
        let own: Vec<_> = name.name().attributes().map(|one| (one.oid, one.text().unwrap())).collect();
        let mut expected = vec![
            (Oid::ORGANIZATION_NAME, "Example".to_string()),
            (Oid::COMMON_NAME, hostile.to_string()),
            (Oid::ORGANIZATIONAL_UNIT_NAME, "x".to_string()),
            (Oid::COUNTRY_NAME, "DE".to_string()),
        ];
        if own[1].0 != Oid::COMMON_NAME {
            // DER sorts the attributes of one relative distinguished name
            expected.swap(1, 2);
        }
        assert_eq!(own, expected);
        // and text that is shown of it is read back as the same name
        let again: DistinguishedName = name.to_string().parse().unwrap();
        assert!(again.name().matches(&name.name()), "{name}");
    }
    for (value, error) in [
        ("a\0b", TemplateError::UnsuitableValue { at: 13 }),
        ("a\nCN=admin", TemplateError::UnsuitableValue { at: 13 }),
        ("", TemplateError::MissingValue(Variable::UserName)),
        (" \u{200B}", TemplateError::MissingValue(Variable::UserName)),
        (&"x".repeat(1025), TemplateError::TooLong),
    ] {
        assert_eq!(subject.expand(&jane(value)), Err(error), "{value:?}");
    }
    assert!(subject.expand(&jane(&"x".repeat(1024))).is_ok());
    let country = template("C={{UserName}}", Windows).unwrap();
    assert_eq!(country.expand(&jane("DE,CN=a")), Err(TemplateError::UnsuitableValue { at: 2 }));
}

// A34
#[test]
fn a_whole_name_in_a_variable_is_one_value_unless_that_is_asked_for() {
    let subject = template("CN={{OnPrem_Distinguished_Name}},C=DE", Windows).unwrap();
    let values = |value| Values::new().with(Variable::OnPremDistinguishedName, value);
    let whole = values(r"CN=Doe\, Jane,OU=Users,DC=example");
    let name = subject.expand(&whole).unwrap();
    assert_eq!(name.name().attributes().count(), 2);
    assert_eq!(name.name().common_name().as_deref(), Some(r"CN=Doe\, Jane,OU=Users,DC=example"));

    let parted = subject.clone().expand_dn();
    assert_eq!(parted.expand(&whole).unwrap().to_string(), r"CN=Doe\, Jane, OU=Users, DC=example, C=DE");
    assert_eq!(parted.variables().collect::<Vec<_>>(), [&Variable::OnPremDistinguishedName]);
    for wrong in ["Doe, Jane", "CN=", "CN=a\nb"] {
        let error = TemplateError::NotAName(Variable::OnPremDistinguishedName);
        assert_eq!(parted.expand(&values(wrong)), Err(error), "{wrong}");
    }
    let missing = TemplateError::MissingValue(Variable::OnPremDistinguishedName);
    assert_eq!(parted.expand(&Values::new()), Err(missing));
    assert_eq!(parted.expand(&values("O=x,".repeat(31).trim_end_matches(','))).map(|_| ()), Ok(()));
    let error = parted.clone().check(CertificateType::Device);
    assert!(matches!(error, Err(TemplateError::UserVariable { .. })), "{error:?}");
    // what else is in the value of an attribute stays there
    let other = template("CN=x{{OnPrem_Distinguished_Name}}", Windows).unwrap();
    assert_eq!(other.clone().expand_dn(), other);
}
