//! The variables of a template, and what they stand for on one device.

use super::error::VariableNameError;
use crate::wire::name::is_unseen;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Whose certificate a profile asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateType {
    /// A person's: its names may be made of what is known of the person and of the device.
    User,
    /// A device's, which may have no user at all: only what is known of the device goes into its names.
    Device,
}

/// A variable that a template names as `{{Name}}`, in any letter case.
///
/// The names are those of Microsoft's guide. Several of them say the same in other words; each has its own value, which
/// the caller gives and nothing derives. The guide describes UserName as the principal name (`janedoe@contoso.com`), later
/// documentation as the part before the `@` and has [`Self::UserPrincipalName`] for the whole.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `UserName`.
    UserName,
    /// `UserPrincipalName`, of later documentation.
    UserPrincipalName,
    /// `EmailAddress`.
    EmailAddress,
    /// `OnPrem_Distinguished_Name`: a whole distinguished name, which stays one value unless
    /// [`SubjectTemplate::expand_dn`](super::SubjectTemplate::expand_dn) is asked for.
    OnPremDistinguishedName,
    /// `onPremisesSamAccountName`.
    OnPremisesSamAccountName,
    /// `OnPremisesSecurityIdentifier`, of later documentation: the SID that strong mapping wants in a URI.
    OnPremisesSecurityIdentifier,
    /// `AAD_Device_ID`.
    AadDeviceId,
    /// `AzureADDeviceId`.
    AzureAdDeviceId,
    /// `Device_Serial`.
    DeviceSerial,
    /// `SerialNumber`.
    SerialNumber,
    /// `Device_IMEI`.
    DeviceImei,
    /// `IMEINumber`.
    ImeiNumber,
    /// `IMEI`.
    Imei,
    /// `MEID`.
    Meid,
    /// `WiFiMacAddress`.
    WiFiMacAddress,
    /// `DeviceName`.
    DeviceName,
    /// `FullyQualifiedDomainName`, which only Windows devices in a domain have.
    FullyQualifiedDomainName,
    /// One of the caller's own.
    Custom(CustomVariable),
}

/// The variables of the guide: name, whose they are, and whether a device tells them of itself.
const GUIDE: [(&str, Variable, CertificateType, bool); 17] = {
    use CertificateType::{Device, User};
    [
        ("UserName", Variable::UserName, User, false),
        ("UserPrincipalName", Variable::UserPrincipalName, User, false),
        ("EmailAddress", Variable::EmailAddress, User, false),
        ("OnPrem_Distinguished_Name", Variable::OnPremDistinguishedName, User, false),
        ("onPremisesSamAccountName", Variable::OnPremisesSamAccountName, User, false),
        // a device in a domain has one too
        ("OnPremisesSecurityIdentifier", Variable::OnPremisesSecurityIdentifier, Device, false),
        ("AAD_Device_ID", Variable::AadDeviceId, Device, false),
        ("AzureADDeviceId", Variable::AzureAdDeviceId, Device, false),
        ("Device_Serial", Variable::DeviceSerial, Device, true),
        ("SerialNumber", Variable::SerialNumber, Device, true),
        ("Device_IMEI", Variable::DeviceImei, Device, true),
        ("IMEINumber", Variable::ImeiNumber, Device, true),
        ("IMEI", Variable::Imei, Device, true),
        ("MEID", Variable::Meid, Device, true),
        ("WiFiMacAddress", Variable::WiFiMacAddress, Device, true),
        ("DeviceName", Variable::DeviceName, Device, true),
        ("FullyQualifiedDomainName", Variable::FullyQualifiedDomainName, Device, true),
    ]
};

impl Variable {
    /// The variables of the guide and of later documentation, all but the caller's own.
    pub fn all() -> impl Iterator<Item = Self> {
        GUIDE.iter().map(|(_, variable, ..)| variable.clone())
    }

    /// The variable of that name, whatever its letter case; `None` for a name that is not in the guide.
    pub fn named(name: &str) -> Option<Self> {
        let known = GUIDE.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        known.map(|(_, variable, ..)| variable.clone())
    }

    /// Its name as the guide writes it.
    pub fn name(&self) -> &str {
        match (self, self.known()) {
            (Self::Custom(own), _) => &own.name,
            (_, Some((name, ..))) => name,
            (_, None) => "",
        }
    }

    /// Whose attribute it is. A user's may not stand in a profile for devices.
    pub fn belongs_to(&self) -> CertificateType {
        match (self, self.known()) {
            (Self::Custom(own), _) => own.belongs_to,
            (_, Some((_, _, belongs_to, _))) => *belongs_to,
            (_, None) => CertificateType::User,
        }
    }

    /// Whether a device tells it of itself and could tell another: serial numbers, IMEI, MEID, addresses and names. The
    /// guide warns of them: whoever takes such a name for an identity has to hear it from elsewhere too.
    pub fn is_spoofable(&self) -> bool {
        match (self, self.known()) {
            (Self::Custom(own), _) => own.spoofable,
            (_, known) => known.is_none_or(|(_, _, _, spoofable)| *spoofable),
        }
    }

    fn known(&self) -> Option<&'static (&'static str, Self, CertificateType, bool)> {
        GUIDE.iter().find(|(_, known, ..)| known == self)
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{{}}}}}", self.name())
    }
}

/// A variable of the caller's own. Two are the same when their names are, whatever the letter case.
#[derive(Clone, Debug)]
pub struct CustomVariable {
    name: String,
    belongs_to: CertificateType,
    spoofable: bool,
}

impl CustomVariable {
    /// Longest name, bytes.
    pub const MAX_LENGTH: usize = 64;

    /// A variable with this name, of an attribute of a user or of a device. ASCII letters, digits, `_`, `-` and `.` make
    /// a name, [`Self::MAX_LENGTH`] at most; one of the guide's is an error too.
    pub fn new(name: &str, belongs_to: CertificateType) -> Result<Self, VariableNameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let fits = (1..=Self::MAX_LENGTH).contains(&name.len()) && name.bytes().all(plain);
        if !fits || Variable::named(name).is_some() {
            return Err(VariableNameError);
        }
        Ok(Self { name: name.into(), belongs_to, spoofable: false })
    }

    /// Says that a device tells it of itself: see [`Variable::is_spoofable`].
    #[must_use]
    pub fn spoofable(mut self) -> Self {
        self.spoofable = true;
        self
    }
}

impl PartialEq for CustomVariable {
    fn eq(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl Eq for CustomVariable {}

/// The variables that a template may name: those of the guide, and the caller's own.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    custom: Vec<CustomVariable>,
}

impl Vocabulary {
    /// The guide's.
    pub const fn new() -> Self {
        Self { custom: Vec::new() }
    }

    /// One more. A name that is there already keeps its first meaning.
    #[must_use]
    pub fn with(mut self, variable: CustomVariable) -> Self {
        if !self.custom.contains(&variable) {
            self.custom.push(variable);
        }
        self
    }

    pub(super) fn find(&self, name: &str) -> Option<Variable> {
        let custom = || self.custom.iter().find(|own| own.name.eq_ignore_ascii_case(name));
        Variable::named(name).or_else(|| custom().cloned().map(Variable::Custom))
    }
}

/// What variables stand for on one device. Values are text and nothing else: whatever characters are in one, it stays
/// one value. `Debug` shows which variables have one, and no value.
#[derive(Clone, Default)]
pub struct Values(Vec<(Variable, String)>);

impl Values {
    /// No value at all.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// These values and one more, in place of one that the variable had.
    #[must_use]
    pub fn with(mut self, variable: Variable, value: impl Into<String>) -> Self {
        self.0.retain(|(other, _)| *other != variable);
        self.0.push((variable, value.into()));
        self
    }

    /// The value of a variable. One that shows nothing (no character at all, white space, or characters that take no
    /// space) is none.
    pub fn get(&self, variable: &Variable) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(own, _)| own == variable)?;
        let seen = |character: char| !character.is_whitespace() && !is_unseen(character);
        value.chars().any(seen).then_some(value)
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(variable, _)| variable.name())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    /// The lists of the guide, letter by letter.
    const USER: [&str; 7] = [
        "UserName",
        "AAD_Device_ID",
        "SERIALNUMBER",
        "IMEINumber",
        "OnPrem_Distinguished_Name",
        "onPremisesSamAccountName",
        "EmailAddress",
    ];
    const DEVICE: [&str; 11] = [
        "AAD_Device_ID",
        "Device_Serial",
        "Device_IMEI",
        "SerialNumber",
        "IMEINumber",
        "AzureADDeviceId",
        "WiFiMacAddress",
        "IMEI",
        "DeviceName",
        "FullyQualifiedDomainName",
        "MEID",
    ];

    // A29, A30
    #[test]
    fn every_variable_of_the_guide_is_known_in_any_letter_case() {
        for name in USER.iter().chain(&DEVICE) {
            let variable = Variable::named(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(Variable::named(&name.to_uppercase()), Some(variable.clone()));
            assert_eq!(Variable::named(&name.to_lowercase()), Some(variable.clone()));
            assert!(variable.name().eq_ignore_ascii_case(name));
        }
        assert!(
            DEVICE.iter().all(|name| Variable::named(name).unwrap().belongs_to() == CertificateType::Device)
        );
        for name in ["", "User Name", "UserName ", "{UserName", "CN"] {
            assert_eq!(Variable::named(name), None, "{name}");
        }
        assert_eq!(Variable::all().count(), 17);
        assert_eq!(Variable::ImeiNumber.to_string(), "{{IMEINumber}}");
    }

    // A30
    #[test]
    fn what_a_device_tells_of_itself_can_be_another() {
        for name in
            ["IMEI", "IMEINumber", "Device_IMEI", "SerialNumber", "Device_Serial", "FullyQualifiedDomainName"]
        {
            assert!(Variable::named(name).unwrap().is_spoofable(), "{name}");
        }
        for name in ["AAD_Device_ID", "AzureADDeviceId", "UserName", "EmailAddress"] {
            assert!(!Variable::named(name).unwrap().is_spoofable(), "{name}");
        }
        let custom = |name| CustomVariable::new(name, CertificateType::Device).unwrap();
        assert!(!Variable::Custom(custom("Site")).is_spoofable());
        assert!(Variable::Custom(custom("Site").spoofable()).is_spoofable());
    }

    #[test]
    fn a_custom_variable_has_a_plain_name_of_its_own() {
        let custom = |name: &str| CustomVariable::new(name, CertificateType::User);
        let long = "x".repeat(65);
        for name in ["", "a b", "a}", "{a", "ä", "username", "IMEI", "a,b", &long] {
            assert_eq!(custom(name), Err(VariableNameError), "{name}");
        }
        assert!(custom(&long[1..]).is_ok());
        let vocabulary = Vocabulary::new().with(custom("Cost.Center-1_x").unwrap());
        let found = vocabulary.find("COST.center-1_X").unwrap();
        assert_eq!((found.name(), found.belongs_to()), ("Cost.Center-1_x", CertificateType::User));
        assert_eq!(vocabulary.find("Cost.Center-1_y"), None);
        let again = CustomVariable::new("COST.CENTER-1_X", CertificateType::Device).unwrap();
        assert_eq!(
            vocabulary.with(again).find("cost.center-1_x").unwrap().belongs_to(),
            CertificateType::User
        );
    }

    // A32
    #[test]
    fn a_value_that_shows_nothing_is_none() {
        for value in ["", " ", "\t\n", "\u{A0}", "\u{200F}", "\u{200B}\u{FEFF} ", "\0"] {
            let values = Values::new().with(Variable::Imei, value);
            assert_eq!(values.get(&Variable::Imei), None, "{value:?}");
        }
        let values = Values::new().with(Variable::Imei, "").with(Variable::Imei, " 35 ");
        assert_eq!(values.get(&Variable::Imei), Some(" 35 "));
        assert_eq!(values.get(&Variable::ImeiNumber), None);
        assert_eq!(format!("{values:?}"), "{\"IMEI\"}");
    }
}
