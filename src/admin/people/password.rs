//! Passwords of roles: made here, and told to the server as what it keeps of them.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// A password, shown nowhere but where it is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// The characters of a made one: none that looks like another.
const ALPHABET: &[u8; 56] = b"23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
/// The length of a made one: 139 bits.
const LENGTH: usize = 24;
/// As PostgreSQL does it by default.
const ITERATIONS: u32 = 4096;
/// The shortest that is taken.
const SHORTEST: usize = 12;

impl Password {
    /// A new one.
    pub fn make() -> Self {
        let mut text = String::with_capacity(LENGTH);
        while text.len() < LENGTH {
            // Each is 122 random bits of the system's; the fixed ones are among the bytes left out.
            for byte in uuid::Uuid::new_v4().into_bytes().into_iter().skip(9) {
                // Bytes past the last whole multiple would make some characters likelier.
                if usize::from(byte) < 256 / ALPHABET.len() * ALPHABET.len() && text.len() < LENGTH {
                    text.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
                }
            }
        }
        Self(text)
    }

    /// A given one, or what is wrong with it.
    pub fn given(text: &str) -> Result<Self, String> {
        if text.chars().count() < SHORTEST {
            return Err(format!("the password is too short: {SHORTEST} characters at least"));
        }
        // Other characters have several spellings, which clients treat differently (RFC 4013).
        if !text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            return Err("the password holds other than ASCII characters, which not every client sends alike".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The password itself, for whoever shall have it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the server keeps (RFC 5802, RFC 7677): the password itself is never sent, so it is in no log of the server.
    pub(super) fn verifier(&self) -> String {
        self.verifier_with(uuid::Uuid::new_v4().as_bytes())
    }

    fn verifier_with(&self, salt: &[u8]) -> String {
        let salted = stretch(self.0.as_bytes(), salt, ITERATIONS);
        let stored: [u8; 32] = Sha256::digest(hmac(&salted, b"Client Key")).into();
        let server = hmac(&salted, b"Server Key");
        format!("SCRAM-SHA-256${ITERATIONS}:{}${}:{}", base64(salt), base64(&stored), base64(&server))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

/// RFC 8018 section 5.2, one block.
fn stretch(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut last = hmac(password, &[salt, &1_u32.to_be_bytes()].concat());
    let mut all = last;
    for _ in 1..iterations {
        last = hmac(password, &last);
        for (byte, other) in all.iter_mut().zip(last) {
            *byte ^= other;
        }
    }
    all
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().chain([&0, &0]).take(3).fold(0_u32, |group, byte| group << 8 | u32::from(*byte));
        for place in 0..4 {
            let digit = (group >> (18 - 6 * place)) & 63;
            text.push(if place <= chunk.len() { char::from(DIGITS[digit as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_what_the_standard_makes() {
        // The exchange of RFC 7677 section 3: salt, 4096 rounds, password `pencil`; the keys of its messages.
        let salt = [0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81];
        assert_eq!(base64(&salt), "W22ZaJ0SNY7soEsUEjb6gQ==");
        let verifier = Password("pencil".to_owned()).verifier_with(&salt);
        assert_eq!(
            verifier,
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
             wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn made_ones_differ_and_given_ones_are_looked_at() {
        let (one, other) = (Password::make(), Password::make());
        assert!(one != other && one.expose().len() == LENGTH && Password::given(one.expose()).is_ok());
        assert!(Password::given("short").is_err() && Password::given("mot de passe été").is_err());
        assert_eq!(format!("{one:?}"), "Password(***)");
    }
}
