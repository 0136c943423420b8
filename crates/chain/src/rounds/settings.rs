//! Parameters, coordinator and publishers of future rounds. The owner announces changes one challenge window ahead; only
//! the guardian acts at once, and only to stop.

use alloy_primitives::Address;
use assize_protocol::{Parameters, RoundNumber};

use super::{Abi, Rounds, encode_parameters, parameters_of};
use crate::announced::if_any;
use crate::{Announced, Draft, Result};

/// The largest time that the contract stores: it stands for none.
const NEVER: u64 = (1 << 40) - 1;

/// The rounds whose batches a publisher may commit: those that were opened at these times, Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// From then on.
    pub from: u64,
    /// Before then; `None` if no end was announced.
    pub until: Option<u64>,
}

impl Admission {
    /// Whether it covers a round that was opened, or will be, at this time.
    #[must_use]
    pub fn covers(&self, opened_at: u64) -> bool {
        self.from <= opened_at && self.until.is_none_or(|until| opened_at < until)
    }
}

impl Rounds {
    /// The coordinator, who opens rounds; `None` if it was suspended.
    pub async fn coordinator(&self) -> Result<Option<Address>> {
        self.0.call(&Abi::coordinatorCall {}).await.map(if_any)
    }

    /// The announced coordinator.
    pub async fn next_coordinator(&self) -> Result<Option<Announced<Address>>> {
        let next = self.0.call(&Abi::nextCoordinatorCall {}).await?;
        Ok(Announced::of(next.newCoordinator, next.effectiveAt))
    }

    /// Whether an address may commit batches of a round that is opened now.
    pub async fn is_publisher(&self, publisher: Address) -> Result<bool> {
        self.0.call(&Abi::isPublisherCall { publisher }).await
    }

    /// The rounds whose batches an address may commit; `None` if it was never admitted, or suspended.
    pub async fn admission_of(&self, publisher: Address) -> Result<Option<Admission>> {
        let answer = self.0.call(&Abi::admissionOfCall { publisher }).await?;
        Ok((answer.from > 0).then_some(Admission {
            from: answer.from,
            until: (answer.until != NEVER).then_some(answer.until),
        }))
    }

    /// The parameters of a round that is opened now.
    pub async fn parameters(&self) -> Result<Parameters> {
        let parameters = self.0.call(&Abi::getParametersCall {}).await?;
        Ok(parameters_of(&parameters))
    }

    /// The announced parameters.
    pub async fn next_parameters(&self) -> Result<Option<Announced<Parameters>>> {
        let next = self.0.call(&Abi::nextParametersCall {}).await?;
        Ok(Announced::of(
            parameters_of(&next.newParameters),
            next.effectiveAt,
        ))
    }

    /// Announces the parameters of rounds that are opened one challenge window from now on. Owner only.
    ///
    /// # Errors
    /// [`AmountTooLarge`](crate::AmountTooLarge).
    pub fn set_parameters(&self, parameters: &Parameters) -> Result<Draft> {
        Ok(self.0.draft(&Abi::setParametersCall {
            newParameters: encode_parameters(parameters)?,
        }))
    }

    /// Cancels announced parameters. Owner or guardian.
    #[must_use]
    pub fn cancel_parameters(&self) -> Draft {
        self.0.draft(&Abi::cancelParametersCall {})
    }

    /// Announces a coordinator, one challenge window ahead. Owner only.
    #[must_use]
    pub fn set_coordinator(&self, coordinator: Address) -> Draft {
        self.0.draft(&Abi::setCoordinatorCall {
            newCoordinator: coordinator,
        })
    }

    /// Cancels an announced coordinator. Owner or guardian.
    #[must_use]
    pub fn cancel_coordinator(&self) -> Draft {
        self.0.draft(&Abi::cancelCoordinatorCall {})
    }

    /// Stops the coordinator at once. Until another one takes office, anyone opens rounds with the lists of `lists_of`, or of
    /// the newest round with a batch. Guardian only.
    #[must_use]
    pub fn suspend_coordinator(&self, lists_of: Option<RoundNumber>) -> Draft {
        self.0.draft(&Abi::suspendCoordinatorCall {
            listsOf: lists_of.map_or(0, |round| round.0),
        })
    }

    /// Announces that an address may, or may no longer, commit batches of rounds that are opened one challenge window from now
    /// on. Owner only.
    #[must_use]
    pub fn set_publisher(&self, publisher: Address, allowed: bool) -> Draft {
        self.0.draft(&Abi::setPublisherCall { publisher, allowed })
    }

    /// Cancels what was announced of a publisher. Owner or guardian.
    #[must_use]
    pub fn cancel_publisher(&self, publisher: Address) -> Draft {
        self.0.draft(&Abi::cancelPublisherCall { publisher })
    }

    /// Stops a publisher at once, for open rounds too. Guardian only.
    #[must_use]
    pub fn suspend_publisher(&self, publisher: Address) -> Draft {
        self.0.draft(&Abi::suspendPublisherCall { publisher })
    }
}
