//! Runs long work in a guest as a job that goes on without us.

use std::time::Duration;

use phoenix_common::qga::QgaError;
use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::wire::{
    Answer, JobStarted, JobState, JobStatus, Outcome, Progress, RequestBody, Work, WorkReport,
};

use super::ask::{random_name, request};
use super::{Channel, ChannelError, JobError};

const FIRST_POLL: Duration = Duration::from_millis(50);
const LONGEST_POLL: Duration = Duration::from_secs(1);
/// As `after`: more lines than a job writes.
const NO_PROGRESS: usize = 1_000_000;
/// What a question about a job is repeated for: silence, a restarted agent, a guest that boots.
const RETRY_WAIT: Duration = Duration::from_millis(500);

impl Channel {
    /// Runs `work` in the guest to its end. Lost replies, a restarted QEMU guest agent and another job that
    /// is in the way are waited out until `deadline`; `on_progress` gets each new line once.
    pub async fn run_job(
        &self,
        work: Work,
        deadline: Deadline,
        on_progress: &mut dyn FnMut(&Progress),
    ) -> Result<WorkReport, JobError> {
        let job = format!("job-{}", random_name());
        let start = RequestBody::JobStart {
            job: job.clone(),
            work: Box::new(work),
        };
        self.start_job(start, &job, deadline).await?;
        self.follow_job(&job, deadline, on_progress).await
    }

    async fn start_job(
        &self,
        start: RequestBody,
        job: &str,
        deadline: Deadline,
    ) -> Result<(), JobError> {
        let vmid = self.vmid();
        let start = request(start);
        loop {
            let answer = self.ask_until(&start, job, deadline).await?;
            match answer {
                Answer::JobStart(JobStarted::Started | JobStarted::Attached) => return Ok(()),
                Answer::JobStart(JobStarted::Busy(other)) => {
                    tracing::info!(%vmid, other = other.job, "waiting for another job in the guest");
                    self.wait_for_other(&other.job, deadline).await?;
                }
                _ => return Err(JobError::WrongAnswer { vmid }),
            }
        }
    }

    async fn follow_job(
        &self,
        job: &str,
        deadline: Deadline,
        on_progress: &mut dyn FnMut(&Progress),
    ) -> Result<WorkReport, JobError> {
        let vmid = self.vmid();
        let mut seen = 0;
        for wait in Backoff::new(FIRST_POLL, LONGEST_POLL) {
            tokio::time::sleep(wait.min(deadline.remaining())).await;
            let status = self.job_status(job, seen, deadline).await?;
            seen += status.progress.len();
            status.progress.iter().for_each(&mut *on_progress);
            let job = job.to_owned();
            match status.state {
                JobState::Succeeded(report) => return Ok(report),
                JobState::Failed(failure) => return Err(JobError::Failed { vmid, failure }),
                JobState::NotFound => return Err(JobError::Rebooted { vmid, job }),
                JobState::Lost => return Err(JobError::Lost { vmid, job }),
                JobState::Running if deadline.has_passed() => {
                    return Err(JobError::Deadline { vmid, job });
                }
                JobState::Running => {}
            }
        }
        Err(JobError::Deadline {
            vmid,
            job: job.to_owned(),
        })
    }

    /// Waits until another job, of an earlier run of ours, does not run any more.
    async fn wait_for_other(&self, other: &str, deadline: Deadline) -> Result<(), JobError> {
        for wait in Backoff::new(FIRST_POLL, LONGEST_POLL) {
            tokio::time::sleep(wait.min(deadline.remaining())).await;
            let status = self.job_status(other, NO_PROGRESS, deadline).await?;
            if status.state != JobState::Running {
                return Ok(());
            }
            if deadline.has_passed() {
                break;
            }
        }
        Err(JobError::Busy {
            vmid: self.vmid(),
            other: other.to_owned(),
        })
    }

    async fn job_status(
        &self,
        job: &str,
        after: usize,
        deadline: Deadline,
    ) -> Result<JobStatus, JobError> {
        let question = request(RequestBody::JobStatus {
            job: job.to_owned(),
            after,
        });
        match self.ask_until(&question, job, deadline).await? {
            Answer::JobStatus(status) => Ok(status),
            _ => Err(JobError::WrongAnswer { vmid: self.vmid() }),
        }
    }

    /// Asks until there is an answer, a failure that does not pass by itself, or the deadline is over.
    async fn ask_until(
        &self,
        question: &phoenix_common::wire::Request,
        job: &str,
        deadline: Deadline,
    ) -> Result<Answer, JobError> {
        let vmid = self.vmid();
        loop {
            let error = match self.ask(question, deadline).await {
                Ok(response) => match response.outcome {
                    Outcome::Ok(answer) => return Ok(*answer),
                    Outcome::Err(failure) => return Err(JobError::Failed { vmid, failure }),
                },
                Err(error) => error,
            };
            if !passes_by_itself(&error) || deadline.has_passed() {
                return Err(error.into());
            }
            tracing::debug!(%vmid, job, %error, "no answer about the job, asking again");
            tokio::time::sleep(RETRY_WAIT.min(deadline.remaining())).await;
        }
    }
}

fn passes_by_itself(error: &ChannelError) -> bool {
    match error {
        // QEMU has ended, and the job with it.
        ChannelError::Qga {
            source: QgaError::SocketMissing { .. },
            ..
        } => false,
        // One question took too long; the job has its own deadline.
        ChannelError::Qga {
            source: QgaError::ExecDeadline { .. },
            ..
        } => true,
        error => error.is_transient(),
    }
}
