/// What became of a create (design section 6.4). Which case it is decides about money: only after ``notSent(_:)`` and
/// ``throttled(_:)`` may the same create be sent again without looking first.
package enum CreateOutcome: Sendable, Equatable {
    /// The provider has made the task, which may have ended already.
    case accepted(ProviderTask)
    /// For certain there is no task; the same request would be refused again.
    case refused(ProviderFailure)
    /// For certain there is no task; the same request may be taken later.
    case throttled(ProviderFailure)
    /// It is proven that the provider never had the whole request.
    case notSent(ProviderFailure)
    /// There may be a task, paid for.
    case ambiguous(ProviderFailure)
}

/// What a page of the list of an account's tasks has shown. That a task is in it is proof; that it is not proves nothing
/// (design section 6.5).
package enum ListOutcome: Sendable, Equatable {
    /// What of it could be read, in the provider's order, which is not documented; fewer than asked for at the end.
    case page([ProviderTask])
    case throttled(ProviderFailure)
    /// The provider does not take the question: key, account or address, or there is no list.
    case rejected(ProviderFailure)
    /// No answer, or none that can be read.
    case unavailable(ProviderFailure)
}

/// What a look-up has shown.
package enum LookUpOutcome: Sendable, Equatable {
    case found(ProviderTask)
    /// A well-formed answer that there is no such task; what that proves depends on
    /// ``Dialect/lookUpIsAuthoritative``.
    case noSuchTask(ProviderFailure)
    case throttled(ProviderFailure)
    /// The provider does not take the look-up: key, account or address; it says nothing about the task.
    case rejected(ProviderFailure)
    /// No answer, or none that can be read.
    case unavailable(ProviderFailure)
}
