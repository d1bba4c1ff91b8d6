package import Storage

/// What a plugin says of itself when it is asked (`describe`); nothing is touched for it.
package struct PluginDescription: Sendable, Hashable {
    package var name: String
    package var version: String
    /// The versions of the protocol that it speaks.
    package var versions: [Int64]
    package var capabilities: StorageCapabilities
    /// How many requests it takes at once, 1 to 32.
    package var concurrency: Int
    /// The members of the configuration that it reads.
    package var config: [String]
    /// The secrets that it reads.
    package var secrets: [String]
    /// The program that was started.
    package var executable: String
}
