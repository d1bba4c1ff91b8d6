import GenerationTasks
import JSON
import Testing

@Suite("Learnt durations")
struct LearntDurationsTests {
    private let job = JobClass(model: "kling-v3", resolution: "1k", imageCount: 1)

    @Test("tell nothing before there are enough, then come in ascending order")
    func enough() {
        var learnt = LearntDurations()
        for seconds in [12, 9] { learnt.observe(.seconds(seconds), of: job) }
        #expect(learnt.durations(of: job).isEmpty)
        learnt.observe(.seconds(10), of: job)
        #expect(learnt.durations(of: job) == [9, 10, 12].map { Duration.seconds($0) })
    }

    @Test("forget how it was: a provider that got faster is followed within 64 jobs")
    func forgetting() {
        var learnt = LearntDurations()
        for _ in 0..<1000 { learnt.observe(.seconds(60), of: job) }
        for _ in 0..<LearntDurations.memory { learnt.observe(.seconds(5), of: job) }
        #expect(learnt.durations(of: job) == Array(repeating: .seconds(5), count: LearntDurations.memory))
    }

    @Test("do not mix model, resolution and number of images")
    func classes() {
        var learnt = LearntDurations()
        for _ in 0..<3 { learnt.observe(.seconds(10), of: job) }
        #expect(learnt.durations(of: JobClass(model: "kling-v2", resolution: "1k", imageCount: 1)).isEmpty)
        #expect(learnt.durations(of: JobClass(model: "kling-v3", resolution: "2k", imageCount: 1)).isEmpty)
        #expect(learnt.durations(of: JobClass(model: "kling-v3", resolution: "1k", imageCount: 2)).isEmpty)
    }

    @Test("take no duration that cannot be")
    func impossible() {
        var learnt = LearntDurations()
        for _ in 0..<5 {
            learnt.observe(.zero, of: job)
            learnt.observe(.seconds(-5), of: job)
        }
        #expect(learnt.durations(of: job).isEmpty)
    }

    @Test("a task's class comes from its request")
    func classOfTask() {
        let task = GenerationTask.sample(imageCount: 4) { $0.request["resolution"] = "2k" }
        #expect(task.jobClass == JobClass(model: "kling-v3", resolution: "2k", imageCount: 4))
        #expect(GenerationTask.sample().jobClass == job)
    }
}
