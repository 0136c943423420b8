//! Keys on a Ledger, through its Ethereum app.

use std::fmt;
use std::sync::{Arc, OnceLock};

use alloy_primitives::{Address, Signature};
use alloy_signer::Signer as _;
use alloy_signer_ledger::coins_ledger::transports::LedgerAsync;
use alloy_signer_ledger::coins_ledger::transports::native::NativeTransportError;
use alloy_signer_ledger::coins_ledger::{self, APDUAnswer, APDUCommand, Ledger};
use alloy_signer_ledger::{HDPath, LedgerError, LedgerSigner};
use alloy_sol_types::{Eip712Domain, SolStruct};
use futures_util::lock::Mutex;

use crate::LedgerPath;
use crate::error::{LedgerTrouble, SignerError};

/// The app whose keys are used.
const APP: &str = "Ethereum";

/// A key on the connected Ledger.
#[derive(Clone)]
pub(crate) struct LedgerKey {
    path: LedgerPath,
    /// Shared with the signer, for requests that the signer does not offer.
    device: Arc<Mutex<Ledger>>,
    signer: Arc<LedgerSigner>,
}

impl LedgerKey {
    pub(crate) async fn open(path: &LedgerPath) -> Result<Self, SignerError> {
        let refuse = |trouble| SignerError::Ledger {
            path: path.clone(),
            trouble,
        };
        if !has_usb() {
            return Err(refuse(LedgerTrouble::NoUsb));
        }
        let device = Ledger::init()
            .await
            .map_err(|error| refuse(of_transport(&error)))?;
        match open_app(&device).await.map_err(refuse)? {
            app if app == APP => {}
            app if app == "BOLOS" => return Err(refuse(LedgerTrouble::WrongApp("no app".into()))),
            app => return Err(refuse(LedgerTrouble::WrongApp(format!("the app {app}")))),
        }
        let device = Arc::new(Mutex::new(device));
        // The path is passed as text: the paths of Ledger Live and legacy accounts are written out.
        let signer = LedgerSigner::new_with_transport(HDPath::Other(path.to_string()), None, device.clone())
            .await
            .map_err(|error| refuse(of_signer(&error)))?;
        Ok(Self {
            path: path.clone(),
            device,
            signer: Arc::new(signer),
        })
    }

    pub(crate) fn address(&self) -> Address {
        self.signer.address()
    }

    /// Signs a transaction, which the device displays: `unsigned` is the whole transaction without its signature.
    pub(crate) async fn sign_transaction(&self, unsigned: &[u8]) -> Result<Signature, SignerError> {
        tracing::warn!("confirm the transaction on the Ledger");
        let signed = self.signer.sign_tx_rlp(unsigned).await;
        match signed {
            Ok(signature) => Ok(signature),
            Err(error) => Err(self.explain(&error).await),
        }
    }

    pub(crate) async fn sign_typed_data<T: SolStruct + Send + Sync>(
        &self,
        data: &T,
        domain: &Eip712Domain,
    ) -> Result<Signature, SignerError> {
        match self.signer.sign_typed_data(data, domain).await {
            Ok(signature) => Ok(signature),
            Err(alloy_signer::Error::Other(error)) => Err(match error.downcast_ref::<LedgerError>() {
                Some(error) => self.explain(error).await,
                None => self.refuse(LedgerTrouble::Other(error.to_string())),
            }),
            Err(error) => Err(self.refuse(LedgerTrouble::Other(error.to_string()))),
        }
    }

    /// Why it did not sign. The library drops unknown codes, and the app uses one code for several reasons, so the
    /// device is queried again.
    async fn explain(&self, error: &LedgerError) -> SignerError {
        let trouble = match of_signer(error) {
            // Outside of a signing request, this code means something else.
            LedgerTrouble::Locked => LedgerTrouble::Refused,
            LedgerTrouble::Other(said) => self.look(said).await,
            trouble => trouble,
        };
        self.refuse(trouble)
    }

    async fn look(&self, said: String) -> LedgerTrouble {
        let device = self.device.lock().await;
        match open_app(&device).await {
            Err(trouble) => return trouble,
            Ok(app) if app != APP => return LedgerTrouble::WrongApp(format!("the app {app}")),
            Ok(_) => {}
        }
        // GET APP CONFIGURATION: its first bit says whether blind signing is on.
        match exchange(&device, 0xe0, 0x06).await {
            Ok(answer)
                if answer
                    .data()
                    .is_some_and(|data| data.first().is_some_and(|flags| flags & 1 == 0)) =>
            {
                LedgerTrouble::NoBlindSigning
            }
            _ => LedgerTrouble::Other(said),
        }
    }

    fn refuse(&self, trouble: LedgerTrouble) -> SignerError {
        SignerError::Ledger {
            path: self.path.clone(),
            trouble,
        }
    }
}

impl fmt::Display for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Ledger (key {})", self.path)
    }
}

/// Whether USB exists; in most containers it does not, and the library would panic. Checked once: after the library has
/// started, nothing else may access it.
fn has_usb() -> bool {
    static USB: OnceLock<bool> = OnceLock::new();
    *USB.get_or_init(|| hidapi_rusb::HidApi::new().is_ok())
}

/// Name of the open app; `BOLOS` if none is open.
async fn open_app(device: &Ledger) -> Result<String, LedgerTrouble> {
    // GET APP AND VERSION, which all apps support.
    let answer = exchange(device, 0xb0, 0x01)
        .await
        .map_err(|error| of_transport(&error))?;
    let data = answer.data().ok_or_else(|| of_status(answer.retcode()))?;
    app_name(data).ok_or_else(|| LedgerTrouble::Other("it does not say which app is open".into()))
}

/// A format byte, 1; the length of the name; the name; and more.
fn app_name(data: &[u8]) -> Option<String> {
    let (&[1, length], rest) = data.split_first_chunk()? else {
        return None;
    };
    let name = rest.get(..usize::from(length))?;
    Some(String::from_utf8_lossy(name).into_owned())
}

async fn exchange(device: &Ledger, cla: u8, ins: u8) -> Result<APDUAnswer, coins_ledger::LedgerError> {
    let command = APDUCommand {
        cla,
        ins,
        p1: 0,
        p2: 0,
        data: coins_ledger::common::APDUData::new(&[]),
        response_len: Some(0),
    };
    device.exchange(&command).await
}

fn of_signer(error: &LedgerError) -> LedgerTrouble {
    match error {
        LedgerError::LedgerError(error) => of_transport(error),
        LedgerError::UnsupportedAppVersion(wanted) => LedgerTrouble::OldApp(format!("{wanted} is needed")),
        other => LedgerTrouble::Other(other.to_string()),
    }
}

fn of_transport(error: &coins_ledger::LedgerError) -> LedgerTrouble {
    match error {
        coins_ledger::LedgerError::BadRetcode(code) => of_status(*code as u16),
        coins_ledger::LedgerError::UnknownAPDUCode(code) => of_status(*code),
        coins_ledger::LedgerError::NativeTransportError(NativeTransportError::DeviceNotFound) => {
            LedgerTrouble::NoDevice
        }
        coins_ledger::LedgerError::NativeTransportError(NativeTransportError::CantOpen(error)) => {
            LedgerTrouble::CannotOpen(error.to_string())
        }
        other => LedgerTrouble::Gone(other.to_string()),
    }
}

/// The status words of the Ethereum app and the system below it (ethapp.adoc of LedgerHQ/app-ethereum).
fn of_status(code: u16) -> LedgerTrouble {
    match code {
        0x5515 | 0x6804 | 0x6982 | 0x6b0c => LedgerTrouble::Locked,
        0x5501 | 0x6985 | 0x6986 => LedgerTrouble::Refused,
        0x6511 | 0x6d00 | 0x6d02 | 0x6e00 | 0x6e01 => {
            LedgerTrouble::WrongApp("no app, or another one,".into())
        }
        _ => LedgerTrouble::Other(format!("it answers with the code 0x{code:04x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_app_is_read() {
        let ethereum = b"\x01\x08Ethereum\x061.14.0\x01\x02";
        assert_eq!(app_name(ethereum).as_deref(), Some("Ethereum"));
        for nonsense in [&b""[..], b"\x01", b"\x02\x01E", b"\x01\x09Ethereum"] {
            assert_eq!(app_name(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn codes_match_ledgers_documentation() {
        assert_eq!(of_status(0x5515), LedgerTrouble::Locked);
        assert_eq!(of_status(0x6985), LedgerTrouble::Refused);
        assert!(matches!(of_status(0x6e00), LedgerTrouble::WrongApp(_)));
        assert!(of_status(0x1234).to_string().contains("0x1234"));
    }

    /// Tests run without a connected Ledger.
    #[tokio::test]
    async fn without_a_device_the_error_has_the_remedy() {
        let error = crate::Signer::from_ledger(&LedgerPath::Legacy(3))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the key m/44'/60'/0'/3 on the Ledger: "),
            "{error}"
        );
        assert!(
            error.contains("plug it in") || error.contains("USB is unavailable"),
            "{error}"
        );
    }
}
