import Foundation
import Storage
import StorageBehaviour

/// One run of the suite on a storage of its own.
struct Bench {
    let storage: ModelStorage
    let results: [BehaviourResult]

    init(_ fault: Fault? = nil, only: Set<String>? = nil, exclusiveCreate: Bool = true) async throws {
        let storage = try ModelStorage(fault, exclusiveCreate: exclusiveCreate)
        self.storage = storage
        let options = BehaviourOptions(
            prefix: try ObjectKey("suite"),
            workDirectory: BehaviourOptions.temporaryDirectory,
            caseTimeout: fault?.isSilent == true ? .milliseconds(200) : .seconds(20),
            largeObjectBytes: fault == nil || fault == .keepsAllInMemory ? 64 << 20 : 1 << 20,
            unreachable: try ModelStorage(fault, isReachable: false),
            fetch: { try storage.fetch($0) }
        )
        results = await StorageBehaviour(backend: storage, options: options).run(only: only)
    }
}

extension Fault {
    var isSilent: Bool { self == .hangs || self == .hangsAndIgnoresCancel }
}
