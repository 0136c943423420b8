//! Recorded beacons of drand evmnet, and forged ones.
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails the test")]

use assize_drand::{Backend, Beacon, BeaconError, Chain, PointError, RecordedBeacons};
use assize_protocol::BeaconRound;

fn beacons() -> Vec<Beacon> {
    let recorded = RecordedBeacons::from_json(include_bytes!("fixtures/evmnet.json")).unwrap();
    recorded.beacons().cloned().collect()
}

#[test]
fn recorded_beacons_are_genuine() {
    let beacons = beacons();
    assert_eq!(beacons.len(), 5);
    for beacon in &beacons {
        for &backend in Backend::ALL {
            // The recorded randomness was compared when the file was read.
            assert_eq!(
                Chain::evmnet().verify_with(backend, beacon),
                Ok(beacon.randomness())
            );
        }
    }
}

fn refusal(change: impl FnOnce(&mut Beacon)) -> BeaconError {
    let mut beacon = beacons().remove(2);
    change(&mut beacon);
    Chain::evmnet().verify(&beacon).unwrap_err()
}

#[test]
fn unsigned_rounds_are_rejected() {
    let other = beacons().remove(1).signature;
    let wrong = |error| matches!(error, BeaconError::WrongSignature { chained: false, .. });
    assert!(wrong(refusal(|beacon| beacon.round.0 += 1)));
    assert!(wrong(refusal(|beacon| beacon.signature = other)));
    // The point mirrored at the x axis signs the negated message.
    let modulus = "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";
    assert!(wrong(refusal(|beacon| {
        let mut borrow = 0_i16;
        let modulus = const_hex::decode(modulus).unwrap();
        for (y, m) in beacon.signature[32..].iter_mut().zip(modulus).rev() {
            let digit = i16::from(m) - i16::from(*y) - borrow;
            borrow = i16::from(digit < 0);
            *y = (digit + 256 * borrow) as u8;
        }
    })));
    assert_eq!(
        refusal(|beacon| beacon.round = BeaconRound(0)),
        BeaconError::RoundZero
    );
}

#[test]
fn invalid_points_are_reported() {
    let fault = |change: fn(&mut Vec<u8>)| match refusal(|beacon| change(&mut beacon.signature)) {
        BeaconError::Signature { fault, .. } => fault,
        other => panic!("{other}"),
    };
    assert_eq!(fault(|bytes| bytes[63] ^= 1), PointError::NotOnCurve);
    assert_eq!(fault(|bytes| bytes.fill(0)), PointError::Infinity);
    assert_eq!(fault(|bytes| bytes[..32].fill(0xff)), PointError::FieldOverflow);
    let length = |actual| PointError::Length { expected: 64, actual };
    assert_eq!(fault(|bytes| bytes.truncate(48)), length(48));
    assert_eq!(fault(|bytes| bytes.push(0)), length(65));
}

#[test]
fn it_is_another_chain_than_quicknet() {
    for beacon in beacons() {
        assert!(Chain::quicknet().verify(&beacon).is_err());
    }
    let error = Chain::evmnet().public_key_eip2537().unwrap_err();
    assert!(error.to_string().contains("bls-bn254-unchained-on-g1"), "{error}");
    let mut info = Chain::evmnet().info().clone();
    assert!(Chain::new(info.clone()).is_ok());
    info.public_key[100] ^= 1;
    let fault = PointError::NotOnCurve;
    assert_eq!(Chain::new(info), Err(BeaconError::PublicKey { fault }));
}
