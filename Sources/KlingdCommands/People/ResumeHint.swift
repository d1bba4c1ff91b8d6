import Configuration
import GenerationTasks

/// The command that goes on where this one ends, with the options that it needs to find the same tasks, in any folder.
struct ResumeHint {
    private let options: String
    /// Whether there is nothing to go on with, since the simulator is part of the process.
    let endsWithProcess: Bool

    /// What was set by variables or by the usual configuration file is there for the next command too.
    init(_ service: ServiceOptions, _ settings: Settings) {
        let flags = service.flags
        options = Setting.allCases.map { setting in
            guard let flag = setting.flag, let value = flags[setting] else { return "" }
            return Self.words(value, arePaths: [.state, .config, .pluginDirectories].contains(setting))
                .map { " \(flag) \(Self.quoted($0))" }.joined()
        }.joined()
        endsWithProcess = settings.baseURL == nil
    }

    func watch(_ id: TaskID) -> String { "klingd watch \(id)\(options)" }

    private static func words(_ value: ConfigContent, arePaths: Bool) -> [String] {
        switch value {
        case .string(let text): [arePaths ? Settings.absolute(text) : text]
        case .stringArray(let texts): texts.map { arePaths ? Settings.absolute($0) : $0 }
        case .int(let number): ["\(number)"]
        case .double(let number): ["\(number)"]
        // No flag of these commands has another kind.
        default: []
        }
    }

    /// As a shell takes it for one word.
    private static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_./:=,@%+".utf8.contains(byte)
            }
        }
        guard !isPlain || text.isEmpty else { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
