import Storage
import Testing

@testable import S3Storage

@Suite(.timeLimit(.minutes(1))) struct INIFileTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let text: String
        /// By section and setting, a nested one behind a dot; `nil` when the text is refused.
        let sections: [String: [String: String]]?

        var testDescription: String { text }
    }

    /// What botocore 1.43.11 makes of these texts (`raw_config_parse`).
    @Test(arguments: rows) func aTextIsReadAsBotocoreReadsIt(row: Row) {
        #expect((try? INIFile(row.text, path: "file")).map(flattened) == row.sections)
    }

    @Test(arguments: [
        ("[default]\nregion = x # why\nother = y\t; why\n", ["region": "x", "other": "y"]),
        ("[default] # [why]\ns3 = # why\n  addressing_style = path # why\n", ["s3.addressing_style": "path"]),
        ("[ default ]\nregion = # why\n", ["region": ""]),
        ("\u{FEFF}[default]\nregion = x#y\n", ["region": "x#y"]),
    ])
    func aCommentBehindWhiteSpaceAndAByteOrderMarkAreNoPartOfIt(text: String, settings: [String: String]) throws {
        #expect(flattened(try INIFile(text, path: "file")) == ["default": settings])
    }

    @Test(arguments: [
        ("[a]\nsecret\n", 2), ("\n\nsecret = x\n", 3), ("[a]\nx = 1\nX = secret\n", 3), ("[a]\n[a]\n", 2),
        ("[a]\ns3 =\n  x = 1\n  secret\n", 4),
    ])
    func anErrorNamesTheLineAndShowsNothingOfIt(text: String, line: Int) throws {
        let error = try #require(throws: StorageError.self) { try INIFile(text, path: "/home/u/.aws/config") }
        #expect(error.kind == .configuration && error.message.hasPrefix("/home/u/.aws/config line \(line): "))
        #expect(!error.message.contains("secret"))
    }

    @Test func everyValueKnowsItsLine() throws {
        let section = try #require(try INIFile("[a]\nx = 1\n\ns3 =\n  # why\n  y = 2\n", path: "file")["a"])
        #expect(section.values["x"]?.line == 2 && section.values["s3"]?.line == 4)
        #expect(section.values["s3"]?.nested["y"]?.line == 6)
    }

    @Test func noDescriptionShowsAValue() throws {
        let text = "[default]\naws_secret_access_key = s3cret\n"
        let files = try AWSSharedFiles(config: ("config", text), credentials: ("credentials", text))
        let profile = try files.profile([:])
        for value in [try INIFile(text, path: "file") as Any, files, profile] {
            var dumped = ""
            dump(value, to: &dumped)
            for shown in ["\(value)", String(reflecting: value), dumped] { #expect(!shown.contains("s3cret")) }
        }
    }

    private func flattened(_ file: INIFile) -> [String: [String: String]] {
        file.sections.reduce(into: [:]) { sections, section in
            sections[section.name] = section.values.reduce(into: [:]) { settings, setting in
                if setting.value.nested.isEmpty { settings[setting.key] = setting.value.text }
                for nested in setting.value.nested {
                    settings["\(setting.key).\(nested.key)"] = nested.value.text
                }
            }
        }
    }
}

private let rows: [INIFileTests.Row] = [
    INIFileTests.Row(
        text: "[default]\naws_access_key_id = AKID\naws_secret_access_key=abc/+=\nregion=eu-north-1\n",
        sections: ["default": ["aws_access_key_id": "AKID", "aws_secret_access_key": "abc/+=", "region": "eu-north-1"]]
    ),
    INIFileTests.Row(
        text: "# a comment\n; another\n\n[default]\n  # indented comment\nregion = x\n",
        sections: ["default": ["region": "x"]]
    ),
    INIFileTests.Row(
        text: "[profile dev]\nregion = a\n[profile 'two words']\nregion = b\n[profile \"quoted\"]\nregion = c\n",
        sections: [
            "profile dev": ["region": "a"], "profile 'two words'": ["region": "b"],
            "profile \"quoted\"": ["region": "c"],
        ]
    ),
    INIFileTests.Row(
        text: "[profile]\nregion = a\n[profile a b]\nregion = b\n[profiledev]\nregion = c\n[preview]\nx = 1\n",
        sections: [
            "profile": ["region": "a"], "profile a b": ["region": "b"], "profiledev": ["region": "c"],
            "preview": ["x": "1"],
        ]
    ),
    INIFileTests.Row(
        text: "[default]\r\nregion = x\r\ns3 =\r\n  addressing_style = path\r\n",
        sections: ["default": ["region": "x", "s3.addressing_style": "path"]]
    ),
    INIFileTests.Row(
        text: "[default]\rregion = x\r",
        sections: ["default": ["region": "x"]]
    ),
    INIFileTests.Row(
        text: "[default]\ns3 =\n    addressing_style = path\n    max_concurrent_requests = 20\nregion = y\n",
        sections: ["default": ["s3.addressing_style": "path", "s3.max_concurrent_requests": "20", "region": "y"]]
    ),
    INIFileTests.Row(
        text: "[default]\ns3=\n\taddressing_style=virtual\n",
        sections: ["default": ["s3.addressing_style": "virtual"]]
    ),
    INIFileTests.Row(
        text:
            "[default]\ns3 =\n\n  addressing_style = path\n\n  # comment inside\n  use_accelerate_endpoint = true\n\nregion = z\n",
        sections: ["default": ["s3.addressing_style": "path", "s3.use_accelerate_endpoint": "true", "region": "z"]]
    ),
    INIFileTests.Row(
        text:
            "[services local]\ns3 =\n  endpoint_url = http://127.0.0.1:9000\ndynamodb =\n  endpoint_url = http://127.0.0.1:8000\n[default]\nservices = local\n",
        sections: [
            "services local": [
                "s3.endpoint_url": "http://127.0.0.1:9000", "dynamodb.endpoint_url": "http://127.0.0.1:8000",
            ], "default": ["services": "local"],
        ]
    ),
    INIFileTests.Row(
        text: "[default]\nREGION = x\nAws_Access_Key_Id = A\ns3 =\n  Addressing_Style = path\n",
        sections: ["default": ["region": "x", "aws_access_key_id": "A", "s3.Addressing_Style": "path"]]
    ),
    INIFileTests.Row(
        text: "[default]\nregion: eu-west-1\nendpoint_url = http://h:9000/a=b\nx : y = z\n",
        sections: ["default": ["region": "eu-west-1", "endpoint_url": "http://h:9000/a=b", "x": "y = z"]]
    ),
    INIFileTests.Row(
        text: "[default]\nregion = a\n  b\n  c\noutput = json\n",
        sections: ["default": ["region": "a\nb\nc", "output": "json"]]
    ),
    INIFileTests.Row(
        text: "[default]\nregion = a\n\n  b\n\n",
        sections: ["default": ["region": "a\n\nb"]]
    ),
    INIFileTests.Row(
        text: "[default]\n  region = a\n  output = json\n",
        sections: ["default": ["region": "a", "output": "json"]]
    ),
    INIFileTests.Row(
        text: "  [default]\n  region = a\n",
        sections: ["default": ["region": "a"]]
    ),
    INIFileTests.Row(
        text: "[default]\nregion = a\n    [profile x]\n    region = b\n",
        sections: ["default": ["region": "a\n[profile x]\nregion = b"]]
    ),
    INIFileTests.Row(
        text: "[default]\nempty =\nregion = x\n",
        sections: ["default": ["empty": "", "region": "x"]]
    ),
    INIFileTests.Row(
        text: "[default]\nempty =\n\nregion = x\n",
        sections: ["default": ["empty": "", "region": "x"]]
    ),
    INIFileTests.Row(
        text: "[default]\nregion=a#b;c\n",
        sections: ["default": ["region": "a#b;c"]]
    ),
    INIFileTests.Row(
        text: "[default]\ncredential_process = \"/opt/my program\" --arg 'a b' --x=y\n",
        sections: ["default": ["credential_process": "\"/opt/my program\" --arg 'a b' --x=y"]]
    ),
    INIFileTests.Row(
        text: "[default] trailing\nregion = x\n",
        sections: ["default": ["region": "x"]]
    ),
    INIFileTests.Row(
        text: "[a]]\nx = 1\n[b][c]\nx = 2\n",
        sections: ["a]": ["x": "1"], "b][c": ["x": "2"]]
    ),
    INIFileTests.Row(
        text: "[Default]\nregion = x\n",
        sections: ["Default": ["region": "x"]]
    ),
    INIFileTests.Row(
        text: "[default]\nregion = \u{E9}\u{FC}\n[profile \u{E9}]\nregion = y\n",
        sections: ["default": ["region": "\u{E9}\u{FC}"], "profile \u{E9}": ["region": "y"]]
    ),
    INIFileTests.Row(
        text: "",
        sections: [:]
    ),
    INIFileTests.Row(
        text: "# only a comment\n",
        sections: [:]
    ),
    INIFileTests.Row(
        text: "[default]\n",
        sections: ["default": [:]]
    ),
    INIFileTests.Row(
        text: "[default]\nkey with spaces = a  b\n",
        sections: ["default": ["key with spaces": "a  b"]]
    ),
    INIFileTests.Row(
        text: "[default]\nregion = x",
        sections: ["default": ["region": "x"]]
    ),
    INIFileTests.Row(
        text: "[default]\ns3 =\n  a = b = c\n  =d\n",
        sections: ["default": ["s3.a": "b = c", "s3.": "d"]]
    ),
    INIFileTests.Row(
        text: "region = x\n",
        sections: nil
    ),
    INIFileTests.Row(
        text: "[default]\nregion\n",
        sections: nil
    ),
    INIFileTests.Row(
        text: "[default]\n= x\n",
        sections: nil
    ),
    INIFileTests.Row(
        text: "[default]\nregion = a\nregion = b\n",
        sections: nil
    ),
    INIFileTests.Row(
        text: "[default]\nregion = a\n[default]\noutput = b\n",
        sections: nil
    ),
    INIFileTests.Row(
        text: "[default]\ns3 =\n  addressing_style\n",
        sections: nil
    ),
    INIFileTests.Row(
        text: "[]\nx = 1\n",
        sections: nil
    ),
]
