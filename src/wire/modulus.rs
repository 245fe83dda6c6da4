//! What shows at once, without arithmetic on large numbers, that a number is no RSA modulus (T41).

/// The odd primes below 752: as far as NIST SP 800-89 section 5.3.3 looks for factors.
static PRIMES: [u16; 132] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223,
    227, 229, 233, 239, 241, 251, 257, 263, 269, 271, 277, 281, 283, 293, 307, 311, 313, 317, 331, 337, 347,
    349, 353, 359, 367, 373, 379, 383, 389, 397, 401, 409, 419, 421, 431, 433, 439, 443, 449, 457, 461, 463,
    467, 479, 487, 491, 499, 503, 509, 521, 523, 541, 547, 557, 563, 569, 571, 577, 587, 593, 599, 601, 607,
    613, 617, 619, 631, 641, 643, 647, 653, 659, 661, 673, 677, 683, 691, 701, 709, 719, 727, 733, 739, 743,
    751,
];

/// Whether an odd number, big endian, has a prime factor below 752 or is a square.
///
/// A square has a square root modulo every prime and is 1 modulo 8. Of other numbers one in 2^134 looks like that, so
/// no root has to be drawn.
///
/// All primes are tried, also after one that divides: the number may come out of an envelope that somebody altered, and
/// which of them it is would show in the time (T2).
pub(super) fn is_flawed(number: &[u8]) -> bool {
    let mut is_square = number.last().is_some_and(|last| last & 7 == 1);
    let mut is_multiple = false;
    let mut primes = PRIMES.as_slice();
    while let Some((group, product, rest)) = group(primes) {
        let of_all = remainder(number, product);
        for prime in group.iter().copied().map(u32::from) {
            let remainder = reduced(of_all, prime);
            is_multiple |= remainder == 0;
            is_square = is_square && has_root(remainder, prime);
        }
        primes = rest;
    }
    is_multiple || is_square
}

/// Digits of 32 bits that one division does for.
const DIGITS: usize = 8;

/// Products of primes are below this, so that as many digits, each times a remainder, fit into 64 bits with one remainder
/// more.
const LARGEST: u32 = 1 << 28;

/// As many of the first primes as have a product below [`LARGEST`], that, and the other primes: one long division does for
/// all of a group. None when there are no more.
fn group(primes: &[u16]) -> Option<(&[u16], u32, &[u16])> {
    let (mut product, mut count) = (1_u32, 0_usize);
    let times = |product: u32, prime: &u16| product.checked_mul(u32::from(*prime));
    while let Some(next) =
        primes.get(count).and_then(|prime| times(product, prime)).filter(|next| *next < LARGEST)
    {
        (product, count) = (next, count.saturating_add(1));
    }
    let (group, rest) = primes.split_at_checked(count).filter(|(group, _)| !group.is_empty())?;
    Some((group, product, rest))
}

/// Divisions are what takes long, so that there is one for [`DIGITS`] digits and not for each. `divisor` is below
/// [`LARGEST`].
fn remainder(number: &[u8], divisor: u32) -> u32 {
    let reduced = |dividend: u64| dividend.checked_rem(divisor.into()).unwrap_or_default();
    let (first, digits) = number.as_rchunks();
    let (head, blocks) = digits.as_rchunks::<DIGITS>();
    let first = first.iter().fold(0_u64, |high, byte| high << 8 | u64::from(*byte));
    let high = head
        .iter()
        .fold(reduced(first), |high, digit| reduced(high << 32 | u64::from(u32::from_be_bytes(*digit))));
    // what one digit is worth more than the next: from the last of a block to what stands before it
    let mut worth = [1_u64; DIGITS];
    let mut before = 1_u64;
    for place in worth.iter_mut().rev() {
        *place = before;
        before = reduced(before << 32);
    }
    let rest = blocks.iter().fold(high, |high, block| {
        let digits = block.iter().map(|digit| u64::from(u32::from_be_bytes(*digit)));
        // below 2^56 + 8 * 2^60: nothing wraps
        reduced(digits.zip(worth).fold(high.wrapping_mul(before), |sum, (digit, worth)| {
            sum.wrapping_add(digit.wrapping_mul(worth))
        }))
    });
    // smaller than the divisor
    rest.try_into().unwrap_or_default()
}

/// Whether a number below `prime` is a square modulo `prime`, and not 0: Euler's criterion.
fn has_root(number: u32, prime: u32) -> bool {
    let (mut power, mut factor, mut exponent) = (1_u32, number, prime >> 1);
    // the primes have ten bits, so products have twenty
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = reduced(power.saturating_mul(factor), prime);
        }
        factor = reduced(factor.saturating_mul(factor), prime);
        exponent >>= 1;
    }
    power == 1
}

fn reduced(number: u32, prime: u32) -> u32 {
    number.checked_rem(prime).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    /// Big endian, as large as it comes.
    fn product(one: &[u8], other: &[u8]) -> Vec<u8> {
        let mut product = vec![0_u8; one.len() + other.len()];
        for (at, digit) in one.iter().enumerate().rev() {
            let mut carry = 0;
            for (place, factor) in other.iter().enumerate().rev() {
                let sum = u32::from(product[at + place + 1]) + u32::from(*digit) * u32::from(*factor) + carry;
                product[at + place + 1] = sum as u8;
                carry = sum >> 8;
            }
            product[at] = carry as u8;
        }
        product
    }

    /// Odd, without a small factor, and no square, as far as [`is_flawed`] knows.
    fn sound(length: usize, seed: u8) -> Vec<u8> {
        let mut number: Vec<u8> = (0..length).map(|at| (at as u8).wrapping_mul(37) ^ seed).collect();
        number[0] |= 0x80;
        number[length - 1] |= 1;
        while is_flawed(&number) {
            let last = u16::from_be_bytes([number[length - 2], number[length - 1]]).wrapping_add(2);
            number[length - 2..].copy_from_slice(&last.to_be_bytes());
        }
        number
    }

    #[test]
    fn the_table_holds_the_odd_primes_and_nothing_else() {
        let is_prime = |number: &u16| (2..*number).all(|divisor| !number.is_multiple_of(divisor));
        assert!((3..752).filter(is_prime).eq(PRIMES));
    }

    #[test]
    fn small_numbers_are_told_apart() {
        // what is below 752^2 and has no factor below 752 is a prime
        for number in (753..60_000_u32).step_by(2) {
            let has_factor = PRIMES.iter().any(|prime| number % u32::from(*prime) == 0);
            assert_eq!(is_flawed(&number.to_be_bytes()), has_factor, "{number}");
            assert_eq!(is_flawed(&number.to_be_bytes()[1..]), has_factor, "{number}");
        }
        for (number, is_square) in [(757 * 757, true), (757 * 761, false), (761 * 761, true), (769, false)] {
            assert_eq!(is_flawed(&u32::to_be_bytes(number)), is_square, "{number}");
        }
    }

    #[test]
    fn squares_and_multiples_of_small_primes_are_flawed_at_any_size() {
        for (length, seed) in [(64, 1), (127, 2), (128, 3), (256, 4)] {
            let (one, other) = (sound(length, seed), sound(length, seed ^ 0x55));
            assert!(!is_flawed(&product(&one, &other)), "{length}");
            assert!(is_flawed(&product(&one, &one)), "{length}");
            for prime in [3_u16, 251, 257, 751] {
                assert!(is_flawed(&product(&one, &prime.to_be_bytes())), "{length} {prime}");
            }
        }
    }
}
