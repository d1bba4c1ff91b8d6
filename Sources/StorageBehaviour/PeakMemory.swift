import SystemPackage

/// The most memory that this process has held since a moment, as Linux tells it (proc(5)).
enum PeakMemory {
    static var isKnown: Bool { resident("VmHWM") != nil && reset() }

    /// Begins anew; `false` when the system does not let us.
    @discardableResult
    static func reset() -> Bool {
        guard let file = try? FileDescriptor.open("/proc/self/clear_refs", .writeOnly, options: [.closeOnExec]) else {
            return false
        }
        return (try? file.closeAfter { try file.writeAll("5".utf8) }) != nil
    }

    /// In bytes; `nil` where nobody tells.
    static var bytes: Int64? { resident("VmHWM") }

    private static func resident(_ name: String) -> Int64? {
        guard let file = try? FileDescriptor.open("/proc/self/status", .readOnly, options: [.closeOnExec]) else {
            return nil
        }
        var text: [UInt8] = []
        try? file.closeAfter {
            var part = [UInt8](repeating: 0, count: 8_192)
            while case let count = try part.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 {
                text += part[..<count]
            }
        }
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where line.hasPrefix("\(name):") {
            guard let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int64($0) })
            else { return nil }
            return kilobytes * 1_024
        }
        return nil
    }
}
