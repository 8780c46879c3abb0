//! A double's own thread and runtime, which end together like a killed process.

use std::future::Future;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// Serves until it is dropped; then every connection and task of it is cut.
#[derive(Debug)]
pub(super) struct ServingThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ServingThread {
    /// Runs what `make` gives on a runtime of its own.
    pub(super) fn start<F, R>(make: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()>,
    {
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else {
                return;
            };
            runtime.block_on(async {
                tokio::select! {
                    () = make() => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for ServingThread {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
