import ArgumentParser
import Foundation
import Testing

@testable import KlingdCommands

/// Variables and a configuration file in the usual place, in a folder that goes with the test.
final class Surroundings {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-settings-\(UUID())")
    private let variables: [String: String]

    init(_ variables: [String: String] = [:], file: String? = nil) throws {
        self.variables = variables
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("klingd"),
            withIntermediateDirectories: true
        )
        if let file { try Data(file.utf8).write(to: URL(fileURLWithPath: filePath)) }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var filePath: String { folder.appendingPathComponent("klingd/config.json").path }

    var environment: KlingdCommands.Environment {
        Environment(
            ["HOME": "/home/me", "PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": folder.path].merging(variables) { $1 }
        )
    }

    /// Another file in the folder.
    func write(_ text: String, to name: String) throws -> String {
        let file = folder.appendingPathComponent(name)
        try Data(text.utf8).write(to: file)
        return file.path
    }

    func replaceFile(_ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: filePath)) }

    func report(_ arguments: [String] = []) throws -> SettingReport {
        try ConfigShowCommand.parse(arguments).report(environment)
    }

    /// As serve reads them.
    func settings(_ arguments: [String] = [], needsKey: Bool = true) throws -> Settings {
        let command = try ServeCommand.parse(arguments)
        return try Settings(command.service, serving: command.serving, environment, needsKey: needsKey)
    }

    /// Why serve does not start.
    func failure(_ arguments: [String] = []) -> CommandFailure? {
        do {
            _ = try settings(arguments)
            return nil
        } catch {
            return error as? CommandFailure
        }
    }
}

extension SettingReport {
    func row(_ setting: Setting) throws -> Row {
        try #require(rows.first { $0.setting == setting })
    }

    /// Everything that a person or a program is shown.
    var everything: String { lines.joined(separator: "\n") + "\n\(json)" }
}
