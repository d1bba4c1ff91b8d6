import GenerationTasks
import JSON
import Testing

private let later = TestClock.epoch.adding(.seconds(10))

/// What becomes of a task to which `events` happen one after the other; void ones leave it as it is.
private func after(
    _ events: [TaskEvent],
    _ task: GenerationTask = .sample(),
    at time: Timestamp = later
) -> GenerationTask {
    events.reduce(task) { TaskStateMachine.apply($1, to: $0, at: time) ?? $0 }
}

private let sent: [TaskEvent] = [.sendStarted, .reported(.sample(.submitted), byLookUp: false)]

@Suite("State machine")
struct StateMachineTests {
    @Test(
        "charges a failed job by what was deducted, and says unknown when nobody tells",
        arguments: [
            ("8", .yes), ("0.5", .yes), ("0", .no), ("0.0", .no), (nil, .unknown), ("", .unknown), ("free", .unknown),
            ("nan", .unknown), ("-1", .unknown),
        ] as [(String?, Charged)]
    )
    func deduction(text: String?, charged: Charged) {
        let task = after(sent + [.reported(.sample(.failed, deduction: text), byLookUp: true)])
        #expect(task.state == .failed)
        #expect(task.charged == charged)
        #expect(task.error?.charged == charged)
        #expect(task.finalUnitDeduction == text)
    }

    @Test("goes the whole way from queued to stored")
    func wholeWay() {
        let task = after(
            sent + [
                .reported(.sample(.processing), byLookUp: true),
                .reported(.sample(.succeed, deduction: "8"), byLookUp: true), .imageStored(index: 0, .sample(0)),
                .archived,
            ]
        )
        #expect(task.state == .stored)
        #expect(task.charged == .yes)
        #expect(task.watch == .ended)
        #expect(task.attempt == 1)
        #expect(task.lookUps == 2)
        #expect(task.revision == 6)
        #expect(task.taskID == "867283741759111202")
        #expect(task.taskStatus == "succeed")
        #expect(task.finalUnitDeduction == "8")
        #expect(task.submittedAt == later)
        #expect(task.finishedAt == later)
        #expect(task.error == nil)
        #expect(task.warnings.isEmpty)
    }

    @Test("warns once when fewer images came than were paid")
    func fewerImages() {
        let report = TaskEvent.reported(.sample(.succeed, images: 2), byLookUp: true)
        let task = after(sent + [report, report], .sample(imageCount: 3))
        #expect(task.state == .storing)
        #expect(task.images.count == 2)
        #expect(task.warnings == ["the provider delivered 2 of 3 images"])
    }

    @Test("does not warn when more images came than were known to be asked for, as with adopted jobs")
    func moreImages() {
        let task = after(sent + [.reported(.sample(.succeed, images: 2), byLookUp: true)], .sample(imageCount: 1))
        #expect(task.images.count == 2)
        #expect(task.warnings.isEmpty)
    }

    @Test("takes fresh URLs for what is missing and keeps what is stored")
    func freshURLs() {
        var fresh = ProviderReport.sample(.succeed, images: 2)
        fresh.images = fresh.images.map { TaskImage(index: $0.index, url: $0.url + "?fresh") }
        let storing = after(
            sent + [.reported(.sample(.succeed, images: 2), byLookUp: true), .imageStored(index: 0, .sample(0))],
            .sample(imageCount: 2)
        )
        let task = after([.reported(fresh, byLookUp: true)], storing)
        #expect(task.images.map(\.stored) == [.sample(0), nil])
        #expect(task.images[1].url.hasSuffix("?fresh"))
        fresh.images.removeFirst()
        #expect(after([.reported(fresh, byLookUp: true)], storing).images.map(\.index) == [0, 1])
    }

    @Test("is not stored before every image is")
    func storedMeansAll() {
        let storing = after(
            sent + [.reported(.sample(.succeed, images: 2), byLookUp: true), .imageStored(index: 1, .sample(1))],
            .sample(imageCount: 2)
        )
        #expect(after([.archived], storing) == storing)
        #expect(after([.imageStored(index: 0, .sample(0)), .archived], storing).state == .stored)
    }

    @Test("an image that nobody announced changes nothing")
    func strangeImage() {
        let storing = after(sent + [.reported(.sample(.succeed), byLookUp: true)])
        #expect(TaskStateMachine.apply(.imageStored(index: 5, .sample(5)), to: storing, at: later) == nil)
    }

    @Test("withdraws a task that was never sent, which then costs nothing and frees its key")
    func withdrawn() throws {
        let task = after([.watchCancelled])
        #expect(task.state == .failed)
        #expect(task.charged == .no)
        #expect(task.watch == .ended)
        #expect(task.freesItsKey)
        let error = try #require(task.error)
        #expect(error.kind == .withdrawn)
        #expect(error.charged == .no)
    }

    @Test("withdraws a task that waits for another attempt, too")
    func withdrawnAfterThrottling() {
        let task = after([.sendStarted, .throttled(.sample(.throttled)), .watchCancelled])
        #expect(task.error?.kind == .withdrawn)
        #expect(task.charged == .no)
        #expect(task.attempt == 1)
    }

    @Test("an event that changes nothing makes no new version")
    func noChange() {
        #expect(TaskStateMachine.apply(.watchRequested, to: .sample(), at: later) == nil)
        let cancelled = after(sent + [.watchCancelled])
        #expect(TaskStateMachine.apply(.watchCancelled, to: cancelled, at: later) == nil)
    }

    @Test("counts every attempt and clears the error of the last")
    func attempts() {
        let error = TaskError.sample(.providerUnavailable)
        let requeued = after([.sendStarted, .notSent(error)])
        #expect(requeued.error == error)
        let again = after([.sendStarted], requeued)
        #expect(again.attempt == 2)
        #expect(again.error == nil)
        #expect(again.charged == .unknown)
    }

    @Test("keeps the moment of submission when told of the job again")
    func submissionTime() {
        let submitted = after(sent)
        let task = after([.reported(.sample(.processing), byLookUp: true)], submitted, at: later.adding(.seconds(5)))
        #expect(task.submittedAt == later)
        #expect(task.updatedAt == later.adding(.seconds(5)))
    }

    @Test("keeps the provider's words when a report leaves them out")
    func words() {
        var report = ProviderReport.sample(.processing, message: "in the queue")
        let first = after(sent + [.reported(report, byLookUp: true)])
        #expect(first.taskStatusMessage == "in the queue")
        report.statusWord = nil
        report.statusMessage = nil
        let second = after([.reported(report, byLookUp: true)], first)
        #expect(second.taskStatus == "processing")
        #expect(second.taskStatusMessage == "in the queue")
    }

    @Test("a failed look-up shows its error and a good one clears it")
    func lookUpErrors() {
        let failed = after(sent + [.lookUpFailed(.sample(.auth))])
        #expect(failed.state == .submitted)
        #expect(failed.error?.kind == .auth)
        #expect(failed.error?.charged == .yes)
        #expect(failed.lookUps == 1)
        let found = after([.reported(.sample(.submitted), byLookUp: true)], failed)
        #expect(found.error == nil)
        #expect(found.lookUps == 2)
    }

    @Test("names the content check when the provider's reason does")
    func contentPolicy() {
        let reason = "Failure to pass the Risk Control system"
        let task = after(sent + [.reported(.sample(.failed, message: reason), byLookUp: true)])
        #expect(task.error?.kind == .contentPolicy)
        #expect(task.error?.provider?.message == reason)
        let other = after(sent + [.reported(.sample(.failed, message: ""), byLookUp: true)])
        #expect(other.error?.kind == .refused)
        #expect(other.error?.message.contains("no reason given") == true)
    }

    @Test("a cancelled watch leaves the resolving of an open outcome going")
    func cancelledWhileUnresolved() {
        let unresolved = after([.sendStarted, .ambiguous(.sample()), .watchCancelled])
        #expect(unresolved.watch == .cancelled)
        #expect(!unresolved.isCreateDefinite)
        let found = after([.reported(.sample(.processing), byLookUp: true)], unresolved)
        #expect(found.state == .processing)
        #expect(!found.isWatched)
        #expect(found.isLeftAlone)
        #expect(after([.watchRequested], found).isWatched)
    }

    @Test("a second or later attempt that is refused counts only once nothing of an earlier one was found")
    func laterRefusal() {
        let again: [TaskEvent] = [.sendStarted, .ambiguous(.sample()), .absenceProven, .sendStarted]
        let refused = after(again + [.refused(.sample(.refused))])
        #expect(refused.state == .unresolved)
        #expect(refused.charged == .unknown)
        #expect(refused.isRefused)
        let failed = after([.refusalConfirmed], refused)
        #expect(failed.state == .failed)
        #expect(failed.charged == .no)
        #expect(failed.error?.kind == .refused)
        #expect(after([.reported(.sample(.submitted), byLookUp: true)], refused).state == .submitted)
    }

    @Test(
        "what would be sent again although its watch was cancelled is withdrawn, and costs nothing",
        arguments: [TaskEvent.absenceProven, .notSent(.sample()), .throttled(.sample())]
    )
    func cancelledBeforeItWasTaken(event: TaskEvent) {
        let task = after([.sendStarted, .ambiguous(.sample()), .watchCancelled, event])
        #expect(task.state == .failed)
        #expect(task.charged == .no)
        #expect(task.error?.kind == .withdrawn)
        #expect(task.freesItsKey)
    }

    @Test("who has a cancelled task sent again wants its images")
    func resentAfterCancelling() {
        let task = after([.sendStarted, .ambiguous(.sample()), .watchCancelled, .resendRequested])
        #expect(task.state == .queued)
        #expect(task.watch == .active)
    }

    @Test("what a person had sent again while the first was in doubt stays in doubt when it fails")
    func resent() {
        let resent = after([.sendStarted, .ambiguous(.sample()), .resendRequested])
        #expect(resent.state == .queued)
        #expect(resent.charged == .unknown)
        for end in [[TaskEvent.watchCancelled], [.sendStarted, .refused(.sample(.refused)), .refusalConfirmed]] {
            let failed = after(end, resent)
            #expect(failed.state == .failed)
            #expect(failed.charged == .unknown)
            #expect(!failed.freesItsKey)
        }
        #expect(after([.sendStarted, .throttled(.sample())], resent).charged == .unknown)
    }

    @Test("remembers when the first attempt began and who began the last, until its end is seen")
    func sender() throws {
        let owner = OwnerID("sender")
        let begun = try #require(TaskStateMachine.apply(.sendStarted, to: .sample(), at: later, by: owner))
        #expect(begun.sender == owner)
        #expect(begun.sentAt == later)
        #expect(after([.senderLost(.sample())], begun).sender == owner)
        for event in [TaskEvent.ambiguous(.sample()), .throttled(.sample()), .refused(.sample())] {
            #expect(after([event], begun).sender == nil)
        }
        let again = after([.notSent(.sample()), .sendStarted], begun, at: later.adding(.seconds(9)))
        #expect(again.sentAt == later)
    }

    @Test("a random history never turns back from paid to unpaid, nor out of an end")
    func randomHistories() {
        let events: [TaskEvent] = [
            .sendStarted, .reported(.sample(.submitted), byLookUp: true),
            .reported(.sample(.processing), byLookUp: true),
            .reported(.sample(.succeed), byLookUp: true), .reported(.sample(.failed, deduction: "8"), byLookUp: true),
            .reported(.sample(.unknown), byLookUp: false), .refused(.sample()), .throttled(.sample()),
            .notSent(.sample()), .ambiguous(.sample()), .senderLost(.sample()), .absenceProven, .refusalConfirmed,
            .resendRequested, .abandoned, .lookUpFailed(.sample()), .imageStored(index: 0, .sample(0)),
            .storingFailed(.sample()), .archived, .resultExpired(.sample()), .watchCancelled, .watchRequested,
        ]
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<2000 {
            var task = GenerationTask.sample()
            for _ in 0..<30 {
                guard let event = events.randomElement(using: &generator) else { return }
                let next = after([event], task)
                if task.charged == .yes { #expect(next.charged == .yes) }
                if task.state.isTerminal { #expect(next == task) }
                #expect(next.revision == task.revision + (next == task ? 0 : 1))
                if next.state == .stored { #expect(next.images.allSatisfy { $0.stored != nil }) }
                task = next
            }
        }
    }
}
