//! Bytes as hexadecimal digits, and SHA-256 in them.

use sha2::{Digest, Sha256};

/// Two lower-case digits for each byte.
pub fn to_hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// Reads digits of either case. `None`: something else, or half a byte.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    base16ct::mixed::decode_vec(text).ok()
}

/// The first bytes of the SHA-256 of a text, two digits for each; all of them are 32.
pub fn sha256(text: &str, bytes: usize) -> String {
    let digest = Sha256::digest(text.as_bytes());
    to_hex(digest.get(..bytes).unwrap_or(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_read_back_and_nothing_else_does() {
        assert_eq!(to_hex(&[0, 10, 255]), "000aff");
        for (text, bytes) in [("", &[][..]), ("000aff", &[0, 10, 255]), ("00Aaff", &[0, 170, 255])] {
            assert_eq!(from_hex(text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["0", "0x", "gg", "+1", "ää", " 00"] {
            assert_eq!(from_hex(text), None, "{text}");
        }
        // FIPS 180-4, the message `abc`.
        let whole = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((sha256("abc", 32).as_str(), sha256("abc", 4).as_str()), (whole, &whole[..8]));
    }
}
