/// Why a command ended without doing what it was asked.
struct CommandFailure: Error {
    static let failed: Int32 = 1
    static let usage: Int32 = 2

    static let noDescriptors = CommandFailure(
        message: "no file descriptors are left; raise the limit (ulimit -n)",
        exitCode: failed
    )

    static let noThreads = CommandFailure(
        message: "the system gives no more threads; raise the limit (ulimit -u)",
        exitCode: failed
    )

    var message: String
    var exitCode: Int32
}
