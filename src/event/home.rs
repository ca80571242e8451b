//! Where the function runs: the only account and region whose streams it can read.
//!
//! `GetDataEndpoint` is asked in the function's own region, and Kinesis Video Streams lets nobody in from
//! another account: what an event says of a camera elsewhere cannot be served, and a stream of the same name
//! that is here would be another camera.

use super::fault::shown_text;

/// The function's account and region, as far as they are known. What is not known refuses nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Home {
    region: Option<String>,
    account: Option<String>,
}

/// The account in the ARNs that Lambda's Runtime Interface Emulator, and `sam local` with it, makes up: nobody's.
const EMULATED: &str = "012345678912";

impl Home {
    /// The region that calls go to, and the account of the ARN under which the function was invoked.
    ///
    /// An account is twelve digits; emulators put other things in its place.
    #[must_use]
    pub fn of(region: Option<&str>, function_arn: &str) -> Self {
        let is_account = |text: &&str| {
            text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) && *text != EMULATED
        };
        Self {
            region: region.map(str::to_owned),
            account: account_of(function_arn).filter(is_account).map(str::to_owned),
        }
    }

    /// The same, in `account` if its own is not known.
    pub(super) fn or_account(&self, account: Option<&str>) -> Self {
        Self {
            account: self.account.clone().or_else(|| account.map(str::to_owned)),
            ..self.clone()
        }
    }

    /// What is wrong with something in `region` and `account`, as far as those are known, if anything.
    pub(super) fn is_not(&self, region: Option<&str>, account: Option<&str>) -> Option<String> {
        let pairs = [
            ("of the account", self.account.as_deref(), account),
            ("in the region", self.region.as_deref(), region),
        ];
        pairs.into_iter().find_map(|(place, ours, theirs)| {
            let (ours, theirs) = ours.zip(theirs).filter(|(ours, theirs)| ours != theirs)?;
            Some(format!(
                "is {place} {}; this function can read streams {place} {ours} alone",
                shown_text(theirs)
            ))
        })
    }
}

/// The region in an ARN.
pub(super) fn region_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| !region.is_empty())
}

/// The account in an ARN.
pub(super) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:clip-export:live";

    #[test]
    fn what_is_here_is_told_from_what_is_elsewhere() {
        let home = Home::of(Some("eu-west-1"), FUNCTION);
        assert_eq!(home.is_not(Some("eu-west-1"), Some("123456789012")), None);
        assert_eq!(home.is_not(None, None), None);
        let account = home
            .is_not(Some("us-east-1"), Some("999999999999"))
            .expect("a fault");
        assert!(
            account.contains("999999999999") && account.contains("123456789012"),
            "{account}"
        );
        let region = home
            .is_not(Some("us-east-1"), Some("123456789012"))
            .expect("a fault");
        assert!(
            region.contains("us-east-1") && region.contains("eu-west-1"),
            "{region}"
        );
    }

    /// Emulators invoke under ARNs that are nobody's, or none.
    #[test]
    fn what_is_not_known_refuses_nothing() {
        for arn in [
            "",
            "function-arn",
            "arn:aws:lambda:us-east-1:012345678912:function:test_function",
            "arn:aws:lambda:us-east-1:account:function:f",
        ] {
            assert_eq!(Home::of(None, arn), Home::default(), "{arn}");
        }
        assert_eq!(
            Home::default().is_not(Some("us-east-1"), Some("999999999999")),
            None
        );
    }
}
