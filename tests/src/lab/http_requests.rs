//! Finds the request lines in the bytes a client sends over one HTTP/1.1 connection.

/// Follows heads and bodies; after an upgrade nothing more is a request.
#[derive(Debug, Default)]
pub(super) struct RequestScanner {
    state: State,
    pending: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Head,
    Body(usize),
    ChunkSize,
    /// The chunk and its line end.
    Chunk(usize),
    Trailer,
    /// Upgraded, or not HTTP.
    Raw,
}

/// No head of a real client is longer.
const HEAD_LIMIT: usize = 1 << 20;

impl RequestScanner {
    /// The requests (`METHOD target`) whose heads end in `bytes`.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Vec<String> {
        self.pending.extend_from_slice(bytes);
        let mut found = Vec::new();
        while self.step(&mut found) {}
        found
    }

    /// Takes one element from the front; false when more bytes are needed.
    fn step(&mut self, found: &mut Vec<String>) -> bool {
        match self.state {
            State::Head => self.head(found),
            State::Body(left) => self.skip(left, State::Body, State::Head),
            State::Chunk(left) => self.skip(left, State::Chunk, State::ChunkSize),
            State::ChunkSize => self.chunk_size(),
            State::Trailer => match self.line() {
                Some(line) if line.is_empty() => {
                    self.state = State::Head;
                    true
                }
                line => line.is_some(),
            },
            State::Raw => {
                self.pending.clear();
                false
            }
        }
    }

    fn head(&mut self, found: &mut Vec<String>) -> bool {
        let end = self
            .pending
            .windows(4)
            .position(|window| window == b"\r\n\r\n");
        let Some(end) = end else {
            if self.pending.len() > HEAD_LIMIT {
                self.state = State::Raw;
            }
            return false;
        };
        let head: Vec<u8> = self.pending.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.lines();
        let request = lines.next().unwrap_or_default();
        let mut words = request.split(' ');
        if let (Some(method), Some(target)) = (words.next(), words.next()) {
            found.push(format!("{method} {target}"));
        }
        self.state = body(lines);
        !matches!(self.state, State::Raw)
    }

    fn skip(&mut self, left: usize, more: fn(usize) -> State, then: State) -> bool {
        let skipped = left.min(self.pending.len());
        self.pending.drain(..skipped);
        let left = left - skipped;
        self.state = if left == 0 { then } else { more(left) };
        left == 0
    }

    fn chunk_size(&mut self) -> bool {
        let Some(line) = self.line() else {
            return false;
        };
        let size = line.split(';').next().unwrap_or_default().trim();
        self.state = match usize::from_str_radix(size, 16) {
            Ok(0) => State::Trailer,
            Ok(size) => State::Chunk(size + 2),
            Err(_) => State::Raw,
        };
        true
    }

    fn line(&mut self) -> Option<String> {
        let end = self
            .pending
            .windows(2)
            .position(|window| window == b"\r\n")?;
        let line = String::from_utf8_lossy(&self.pending[..end]).into_owned();
        self.pending.drain(..end + 2);
        Some(line)
    }
}

/// What follows a head with these header lines.
fn body<'a>(lines: impl Iterator<Item = &'a str>) -> State {
    let mut state = State::Head;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "upgrade" => return State::Raw,
            "content-length" => match value.parse() {
                Ok(0) => {}
                Ok(length) => state = State::Body(length),
                Err(_) => return State::Raw,
            },
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => {
                state = State::ChunkSize;
            }
            _ => {}
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALK: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n\
        POST /v1.41/create HTTP/1.1\r\nContent-Length: 17\r\n\r\nPOST /no HTTP/1.1\
        PUT /put HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nPOST \r\n0\r\n\r\n\
        DELETE /x?force=1 HTTP/1.1\r\n\r\n\
        POST /attach HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nPOST /raw HTTP/1.1\r\n\r\n";
    const WANTED: [&str; 5] = [
        "GET /_ping",
        "POST /v1.41/create",
        "PUT /put",
        "DELETE /x?force=1",
        "POST /attach",
    ];

    #[test]
    fn every_request_is_found_however_it_is_cut() {
        for size in [1, 2, 3, 7, 50, TALK.len()] {
            let mut scanner = RequestScanner::default();
            let found: Vec<String> = TALK
                .chunks(size)
                .flat_map(|piece| scanner.scan(piece))
                .collect();
            assert_eq!(found, WANTED, "pieces of {size}");
        }
    }
}
