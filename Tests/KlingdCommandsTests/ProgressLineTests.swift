import GenerationTasks
import JSON
import Testing

@testable import KlingdCommands

/// One line drawn in place for people, plain lines for everybody else.
@Suite struct ProgressLineTests {
    private let start = Moment(.seconds(100))

    private func after(_ milliseconds: Int64) -> Moment { start + .milliseconds(milliseconds) }

    @Test func plainLinesTellEachChangeOfStateOnce() {
        var line = ProgressLine(.plain, at: start)
        var task = GenerationTask.sample()
        #expect(line.note(task, at: after(10)) == "\(task.id)  queued  0 s\n")
        #expect(line.note(task, at: after(20)) == "")
        task.taskID = "88\u{1B}[31m"
        #expect(line.note(task, at: after(30)) == "", "an id alone is no change of state")
        task.state = .processing
        #expect(line.note(task, at: after(3900)) == "\(task.id)  processing  3 s  task_id 88\\u{1b}[31m\n")
        #expect(line.nextDrawing == nil)
        #expect(line.draw(at: after(5000), width: 80) == "")
        #expect(line.clear() == "")
    }

    @Test func theLineIsDrawnAtMostTenTimesASecondAndOnceASecondWithoutChanges() {
        var line = ProgressLine(.inPlace, at: start)
        #expect(line.draw(at: start, width: 80) == "", "nothing is known yet")
        var task = GenerationTask.sample()
        #expect(line.note(task, at: start) == "")
        #expect(line.draw(at: start, width: 80) == "\rqueued  0 s  \(task.id)\u{1B}[K")
        task.state = .submitting
        _ = line.note(task, at: after(20))
        #expect(line.draw(at: after(20), width: 80) == "")
        #expect(line.nextDrawing == after(100))
        #expect(line.draw(at: after(100), width: 80).hasPrefix("\rsubmitting  0 s"))
        #expect(line.nextDrawing == after(1100))
        #expect(line.draw(at: after(1099), width: 80) == "")
        #expect(line.draw(at: after(1100), width: 80).hasPrefix("\rsubmitting  1 s"))
        #expect(line.clear() == "\r\u{1B}[K")
        #expect(line.clear() == "")
    }

    @Test func theLineIsNeverAsWideAsTheTerminal() {
        for width in [0, 1, 2, 20, 79, 200] {
            var line = ProgressLine(.inPlace, at: start)
            _ = line.note(.sample(), at: start)
            let drawn = line.draw(at: start, width: width).dropFirst().dropLast(3)
            #expect(drawn.count <= max(0, width - 1), "\(width)")
        }
    }

    @Test func severalTasksAreCounted() {
        var line = ProgressLine(.inPlace, at: start)
        for state in [TaskState.processing, .queued, .processing] { _ = line.note(.sample(state), at: start) }
        #expect(line.draw(at: start, width: 80) == "\r3 tasks: 1 queued, 2 processing  0 s\u{1B}[K")
    }
}

extension GenerationTask {
    /// A task with an id of its own.
    static func sample(
        _ state: TaskState = .queued,
        prompt: String = "a kite",
        createdAt: Timestamp = Timestamp(milliseconds: 0)
    ) -> GenerationTask {
        var random = SystemRandomNumberGenerator()
        let id = TaskID(at: createdAt, random: &random)
        var task = GenerationTask(
            id: id,
            externalTaskID: id.description,
            idempotencyKey: nil,
            fingerprint: "f",
            provider: "simulator",
            account: "a",
            request: ["prompt": .string(prompt)],
            imageCount: 1,
            storage: "file:///images",
            createdAt: createdAt
        )
        task.state = state
        return task
    }
}
