#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Cuts a plugin's stderr into lines for klingd's log, in bounded memory whatever the plugin writes.
///
/// A line is cut at the limit, and of the lines of one second only so many are let through; the last ones are kept for
/// the report of a crash, also when they were not let through.
struct PluginLog {
    private let limits: PluginLimits
    private let redactor: SecretRedactor
    private var pending: [UInt8] = []
    private var windowStart: Duration?
    private var told = 0
    private var dropped = 0
    private var ring: [[UInt8]] = []
    private var ringStart = 0

    init(limits: PluginLimits, redactor: SecretRedactor) {
        self.limits = limits
        self.redactor = redactor
    }

    /// The last lines, the oldest first, as they may be shown.
    var lastLines: [String] { (ring[ringStart...] + ring[..<ringStart]).map(shown) }

    /// Takes what was read; returns the lines for the log.
    mutating func receive(_ block: UnsafeRawBufferPointer, at now: Duration) -> [String] {
        var lines: [String] = []
        var rest = block[...]
        while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
            guard let found = memchr(start, 0x0A, rest.count) else { break }
            let end = rest.startIndex + start.distance(to: found)
            keep(rest[..<end])
            finishLine(at: now, &lines)
            rest = rest[(end + 1)...]
        }
        keep(rest)
        return lines
    }

    /// The stream has ended: what is left without LF is a line too.
    mutating func finish(at now: Duration) -> [String] {
        var lines: [String] = []
        if !pending.isEmpty { finishLine(at: now, &lines) }
        tellDropped(&lines)
        return lines
    }

    /// A line that came another way (`$/log`): what of it and before it is for the log.
    mutating func admit(_ line: String, at now: Duration) -> [String] {
        var lines: [String] = []
        if hasRoom(at: now, &lines) { lines.append(shown(Array(line.utf8))) }
        return lines
    }

    /// Of a line in bytes: so much more than is shown that a secret that begins before the cut is known as a whole.
    private var kept: Int { limits.logLine + redactor.longest + 1 }

    private mutating func keep(_ bytes: Slice<UnsafeRawBufferPointer>) {
        let room = kept - pending.count
        if room > 0 { pending += bytes.prefix(room) }
    }

    private mutating func finishLine(at now: Duration, _ lines: inout [String]) {
        if pending.last == 0x0D { pending.removeLast() }
        defer { pending.removeAll(keepingCapacity: true) }
        guard !pending.isEmpty else { return }
        if ring.count < limits.lastLines {
            ring.append(pending)
        } else if !ring.isEmpty {
            ring[ringStart] = pending
            ringStart = (ringStart + 1) % ring.count
        }
        if hasRoom(at: now, &lines) { lines.append(shown(pending)) }
    }

    private mutating func hasRoom(at now: Duration, _ lines: inout [String]) -> Bool {
        if let start = windowStart, now - start < .seconds(1) {
            guard told < limits.logLinesPerSecond else {
                dropped += 1
                return false
            }
        } else {
            tellDropped(&lines)
            (windowStart, told) = (now, 0)
        }
        told += 1
        return true
    }

    private mutating func tellDropped(_ lines: inout [String]) {
        if dropped > 0 { lines.append("… dropped \(dropped) lines") }
        dropped = 0
    }

    private func shown(_ line: [UInt8]) -> String {
        var redacted = redactor.redact(line)
        let cut = line.count >= kept || redacted.count > limits.logLine
        // What stands last may be the beginning of a secret.
        if line.count >= kept { redacted.removeLast(min(redactor.longest, redacted.count)) }
        let text = String(decoding: redacted.prefix(limits.logLine), as: UTF8.self)
        return Excerpt.line(text, limit: limits.logLine) + (cut ? "…" : "")
    }
}
