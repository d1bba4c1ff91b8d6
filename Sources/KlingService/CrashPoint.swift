/// The moments between two durable steps of a task's life, by name, so that a test can end the process at each.
package enum CrashPoint: String, Sendable, CaseIterable {
    /// The ledger holds the task; nothing is sent.
    case admitted
    /// `submitting` is durable; not a byte is sent.
    case sendBegun = "send-begun"
    /// All of the create but its last byte may be sent.
    case lastByte = "last-byte"
    /// It is noted that the last byte is about to go out; it has not.
    case lastByteNoted = "last-byte-noted"
    /// The provider's answer to the create is here; the ledger does not know it.
    case createAnswered = "create-answered"
    /// The outcome of the create is durable.
    case createRecorded = "create-recorded"
    /// A look-up of an unresolved task is answered; the ledger does not know it.
    case lookedUp = "looked-up"
    /// An image lies in the spool.
    case imageFetched = "image-fetched"
    /// An image lies in storage; the ledger does not know it.
    case imageStored = "image-stored"
    /// The ledger knows that the image is stored.
    case imageRecorded = "image-recorded"
    /// All images and the sidecar lie in storage; the ledger does not know it.
    case sidecarStored = "sidecar-stored"
    /// The ledger knows that the task is stored.
    case archived
}
