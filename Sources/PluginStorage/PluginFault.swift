import JSON

/// What a plugin did that its protocol does not allow: the rest of a sentence that begins with the plugin's name, in
/// words that its author can act on. It ends the plugin.
struct PluginFault: Error, Sendable, Hashable {
    let text: String

    static func notAMessage(_ line: some Collection<UInt8>, _ reason: String) -> PluginFault {
        PluginFault(
            text: "wrote to stdout what is no message (\(reason)): \(Excerpt.quoted(line)); "
                + "stdout is for the protocol alone: write logs to stderr"
        )
    }

    static func tooLong(limit: Int) -> PluginFault {
        PluginFault(
            text: "wrote a line of more than \(limit) bytes to stdout; image content goes by path, not in messages"
        )
    }

    static func batch(_ line: some Collection<UInt8>) -> PluginFault {
        PluginFault(text: "wrote a batch: \(Excerpt.quoted(line)); write one message a line")
    }

    static func request(_ method: String) -> PluginFault {
        PluginFault(
            text:
                "asked for '\(Excerpt.line(method, limit: 100))': a plugin answers and notifies, but makes no requests"
        )
    }

    static func malformed(_ line: some Collection<UInt8>, _ reason: String) -> PluginFault {
        PluginFault(text: "answered what can't be read (\(reason)): \(Excerpt.quoted(line))")
    }

    static func unknownID(_ id: String) -> PluginFault {
        PluginFault(
            text: "answered a request with the id \(id), which was never made or has been answered; "
                + "answer each request once, with the id that it came with"
        )
    }

    static func couldNotRead(_ message: String) -> PluginFault {
        PluginFault(text: "says that it could not read a message of klingd: \(Excerpt.line(message))")
    }

    static func early(_ id: String) -> PluginFault {
        PluginFault(text: "answered (id \(id)) before anything was asked; wait for 'initialize' and answer that")
    }

    static func badAnswer(_ method: String, _ error: JSONDecodingError) -> PluginFault {
        PluginFault(
            text: "answered '\(method)' with what the protocol does not allow: "
                + "\(Excerpt.line(error.message)) (at \(Excerpt.line(error.pointer.description, limit: 200)))"
        )
    }

    static func version(_ picked: Int64, of versions: [Int64]) -> PluginFault {
        PluginFault(
            text: "picked version \(picked) of the protocol, but klingd speaks \(versions.list): "
                + "pick one of those, or answer 'initialize' with the error kind 'version'"
        )
    }

    static func slow(_ method: String, _ time: Duration) -> PluginFault {
        PluginFault(text: "did not answer '\(method)' within \(time.text)")
    }

    static func ignoredCancel(_ subject: String, _ time: Duration) -> PluginFault {
        PluginFault(text: "did not end \(subject) within \(time.text) of '$/cancelRequest'")
    }

    static let closedOutput = PluginFault(text: "closed its stdout but did not exit")
}

extension [Int64] {
    var list: String { map(String.init).joined(separator: ", ") }
}

extension Duration {
    /// As messages tell it, such as `10 s` or `0.5 s`.
    var text: String {
        let seconds = Double(components.seconds) + Double(components.attoseconds) / 1e18
        let rounded = (seconds * 10).rounded() / 10
        return rounded == rounded.rounded() ? "\(Int64(rounded)) s" : "\(rounded) s"
    }
}
