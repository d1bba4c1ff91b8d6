import Synchronization

/// Something that several tasks add to.
final class Recorder<Element: Sendable>: Sendable {
    private let state = Mutex<[Element]>([])

    var elements: [Element] { state.withLock(\.self) }

    func append(_ element: Element) { state.withLock { $0.append(element) } }
}
