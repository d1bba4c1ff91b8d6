import Hummingbird
import NIOCore

/// Keeps the connection at hand, for faults that close it.
struct SimulatorContext: InitializableFromSource {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        channel = source.channel
    }
}
