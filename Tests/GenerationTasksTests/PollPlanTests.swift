import GenerationTasks
import JSON
import Testing

/// What watching one job costs.
private struct Cost {
    var lookUps = 0
    /// From the job's end to the look-up that finds it.
    var delay = Duration.zero

    /// Looks at a job as the plan says until it is found finished.
    static func watching(_ duration: Duration, learnt: [Duration], jitter: () -> Double) -> Cost {
        var cost = Cost()
        var age = Duration.zero
        repeat {
            guard let next = PollPlan.nextLook(age: age, learnt: learnt, jitter: jitter()) else { break }
            age = next
            cost.lookUps += 1
        } while age < duration
        cost.delay = age - duration
        return cost
    }
}

extension Duration {
    fileprivate var inSeconds: Double { self / .seconds(1) }
}

@Suite("Poll plan")
struct PollPlanTests {
    private func ages(_ count: Int, jitter: Double = 0, learnt: [Duration] = []) -> [Duration] {
        var ages: [Duration] = []
        while ages.count < count,
            let next = PollPlan.nextLook(age: ages.last ?? .zero, learnt: learnt, jitter: jitter)
        {
            ages.append(next)
        }
        return ages
    }

    @Test("looks at an unlearnt job after 2, 5, 8, 11, 15, 20 and 26 s, then at ages growing by 1.3 up to 30 s apart")
    func unlearnt() {
        let ages = ages(14)
        #expect(Array(ages.prefix(7)) == [2, 5, 8, 11, 15, 20, 26].map { Duration.seconds($0) })
        let seconds = ages.map(\.inSeconds)
        let grown = [33.8, 43.94, 57.122, 74.2586, 96.53618, 125.497, 155.497]
        for (age, expected) in zip(seconds[7...], grown) { #expect(abs(age - expected) < 0.001) }
    }

    @Test("jitter makes pauses longer by a tenth at most, and never shifts a look to another step")
    func jitter() {
        for jitter in [0.1, 0.5, 1.0] {
            let ages = ages(7, jitter: jitter).map(\.inSeconds)
            for (age, planned) in zip(ages, [2, 5, 8, 11, 15, 20, 26.0]) {
                #expect(age >= planned && age <= planned + 0.7)
            }
        }
    }

    @Test("never looks twice within a second, nor less often than every 30 s on the first day")
    func bounds() {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<5000 {
            let age = Duration.seconds(Double.random(in: 0...86_399, using: &generator))
            let learnt = (0..<Int.random(in: 0...6, using: &generator))
                .map { _ in Duration.seconds(Double.random(in: 0.001...200, using: &generator)) }
            let jitter = Double.random(in: 0...1, using: &generator)
            let pause = PollPlan.nextLook(age: age, learnt: learnt.sorted(), jitter: jitter).map { $0 - age }
            #expect(pause.map { $0 >= .seconds(1) && $0 <= .seconds(30) } == true)
        }
    }

    @Test("looks daily after a day, and gives up after thirty")
    func slow() {
        let day = Duration.seconds(86_400)
        #expect(PollPlan.nextLook(age: day, learnt: [], jitter: 1) == day * 2)
        #expect(PollPlan.nextLook(age: day * 29 + .seconds(1), learnt: [], jitter: 0) == day * 30 + .seconds(1))
        #expect(PollPlan.nextLook(age: day * 30, learnt: [], jitter: 0) == nil)
        #expect(ages(100_000).filter { $0 > day }.count == 30)
    }

    @Test("once learnt, a job of 10 s costs at most two look-ups and is noticed within 1 s on average")
    func constant() {
        var generator = SeededGenerator(seed: 6)
        let learnt = Array(repeating: Duration.seconds(10), count: 64)
        let costs = (0..<1000).map { _ in
            Cost.watching(.seconds(10), learnt: learnt) { Double.random(in: 0...1, using: &generator) }
        }
        #expect(costs.allSatisfy { $0.lookUps <= 2 && $0.delay < .seconds(1) })
        #expect(costs.map(\.delay.inSeconds).reduce(0, +) / 1000 <= 1)
    }

    @Test(
        "once learnt, jobs spread around 10 s cost at most four look-ups and are noticed within 1 s, on average",
        arguments: [0.02, 0.05, 0.1, 0.2, 0.3]
    )
    func spread(sigma: Double) {
        var generator = SeededGenerator(seed: 8)
        var learnt = LearntDurations()
        let job = GenerationTask.sample().jobClass
        var lookUps = 0
        var delay = 0.0
        let count = 1500
        for number in 0..<(count + LearntDurations.memory) {
            let duration = Duration.seconds(logNormal(median: 10, sigma, using: &generator))
            if number >= LearntDurations.memory {
                let cost = Cost.watching(duration, learnt: learnt.durations(of: job)) {
                    Double.random(in: 0...1, using: &generator)
                }
                lookUps += cost.lookUps
                delay += cost.delay.inSeconds
            }
            learnt.observe(duration, of: job)
        }
        #expect(Double(lookUps) / Double(count) <= 4)
        #expect(delay / Double(count) <= 1)
    }

    /// `median` times e to the power of a normal number, which is made of twelve uniform ones.
    private func logNormal(median: Double, _ sigma: Double, using generator: inout SeededGenerator) -> Double {
        let normal = (0..<12).map { _ in Double.random(in: 0...1, using: &generator) }.reduce(-6, +)
        // e^x by its limit: the standard library has no exponential.
        var power = 1 + sigma * normal / 1_048_576
        for _ in 0..<20 { power *= power }
        return median * power
    }
}
