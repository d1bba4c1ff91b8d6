import Foundation

/// A storage plugin that keeps objects in a folder, and misbehaves as its configuration says (`faulty_plugin.py`).
package enum FaultyPlugin {
    private static let program = PythonProgram.folder.appendingPathComponent("faulty_plugin.py")

    package static var path: String { program.path }

    package static var text: String {
        get throws { try String(contentsOf: program, encoding: .utf8) }
    }
}
