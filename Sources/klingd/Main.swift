import KlingdCommands

@main
struct Main {
    static func main() {
        Klingd.run()
    }
}
