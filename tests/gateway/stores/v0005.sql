-- Tables like: (All)

-- The values of various per-database settings
PRAGMA page_size=4096;
-- PRAGMA encoding='UTF-8';
-- PRAGMA auto_vacuum=NONE;
-- PRAGMA max_page_count=4294967294;

BEGIN TRANSACTION;

-- Table  audit
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    door TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    endpoint TEXT,
    path TEXT,
    value TEXT,
    command TEXT,
    result TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
INSERT INTO audit VALUES(1,1765000000000,'uplink','city','dim','lamp',NULL,'{"level": 30, "for_s": 60}','c1','begun',3926634962);
-- Triggers and indices on  audit
CREATE INDEX audit_commands ON audit (command) WHERE command IS NOT NULL;

-- Table  boots
CREATE TABLE boots (
    id INTEGER PRIMARY KEY,
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    boot INTEGER NOT NULL,
    oldest INTEGER,
    last INTEGER NOT NULL,
    oldest_boot INTEGER,
    is_closed INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    received TEXT NOT NULL,
    explained TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (endpoint_id, boot)
) STRICT;
INSERT INTO boots VALUES(1,1,1,12,20,1,0,16,'','18',1765000000000,2899538683);
-- Triggers and indices on  boots
CREATE INDEX open_boots ON boots (endpoint_id) WHERE is_closed = 0;

-- Table  commands
CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    endpoint TEXT NOT NULL,
    operation TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    path TEXT,
    kind TEXT,
    value ANY,
    level INTEGER,
    for_s INTEGER,
    until_s INTEGER,
    attempts INTEGER NOT NULL,
    code TEXT,
    detail TEXT NOT NULL,
    finished_ms INTEGER,
    origin TEXT NOT NULL,
    response_topic TEXT,
    correlation BLOB,
    is_reported INTEGER NOT NULL
, checksum INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO commands VALUES('c1','lamp','write',1000,2000,'queued','/3416/0/49','d','1.5',NULL,NULL,NULL,0,NULL,'',NULL,'city','answers',X'01',0,1638732582);
-- Triggers and indices on  commands
CREATE INDEX finished_commands ON commands (finished_ms) WHERE finished_ms IS NOT NULL;
CREATE INDEX unfinished_commands ON commands (created_ms) WHERE finished_ms IS NULL;
CREATE INDEX unreported_commands ON commands (origin, finished_ms)
    WHERE is_reported = 0 AND finished_ms IS NOT NULL;

-- Table  context_numbers
CREATE TABLE context_numbers (
    serial INTEGER PRIMARY KEY REFERENCES contexts (serial),
    sender_limit INTEGER NOT NULL,
    window_index INTEGER,
    window_bits INTEGER NOT NULL,
    is_settled INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
INSERT INTO context_numbers VALUES(1,128,3,5,1,1765000000000,4155674867);
INSERT INTO context_numbers VALUES(2,128,NULL,0,0,0,3134452589);

-- Table  contexts
CREATE TABLE contexts (
    serial INTEGER PRIMARY KEY,
    kid BLOB NOT NULL,
    id_context BLOB,
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
INSERT INTO contexts VALUES(1,X'00000000',NULL,'lamp','current',X'7365616C6564',1765000000000,584071948);
INSERT INTO contexts VALUES(2,X'00000000',X'0000000000000000','lamp','trial',X'7365616C6564',1765000000000,671587267);

-- Table  counters
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
, checksum INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES('packs',1,2892015007);

-- Table  cursors
CREATE TABLE cursors (
    uplink TEXT NOT NULL,
    lane INTEGER NOT NULL,
    reading_id INTEGER NOT NULL, checksum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (uplink, lane)
) STRICT, WITHOUT ROWID;
INSERT INTO cursors VALUES('city',1,1,3169490445);

-- Table  damaged_readings
CREATE TABLE damaged_readings (
    id INTEGER PRIMARY KEY,
    reading_id INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    boot INTEGER,
    sequence INTEGER,
    lane INTEGER NOT NULL,
    noted_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

-- Table  endpoints
CREATE TABLE endpoints (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
, checksum INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO endpoints VALUES(1,'lamp',326361058);

-- Table  facts
CREATE TABLE facts (
    endpoint TEXT NOT NULL,
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    value ANY NOT NULL, checksum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (endpoint, path)
) STRICT, WITHOUT ROWID;

-- Table  gaps
CREATE TABLE gaps (
    boot_id INTEGER NOT NULL REFERENCES boots (id),
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    reason TEXT NOT NULL,
    noted_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (boot_id, first)
) STRICT, WITHOUT ROWID;
INSERT INTO gaps VALUES(1,1,6,'elsewhere',1765000000000,4285650075);
INSERT INTO gaps VALUES(1,10,11,'missing',1765000000000,530249641);
INSERT INTO gaps VALUES(1,12,16,'dropped: full',1765000000000,1567411606);
INSERT INTO gaps VALUES(1,18,18,'refused: number out of range',1765000000000,776237389);
-- Triggers and indices on  gaps
CREATE INDEX missing_gaps ON gaps (boot_id) WHERE reason = 'missing';

-- Table  incidents
CREATE TABLE incidents (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
, checksum INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO incidents VALUES(1,1765000000000,'readings_missing','lamp','boot 1: 10-11; 2 in all',1885261971);
INSERT INTO incidents VALUES(2,1765000000000,'uplink_lost','city','refused',848523666);

-- Table  nodes
CREATE TABLE nodes (
    endpoint TEXT PRIMARY KEY,
    registration_id TEXT UNIQUE,
    address TEXT NOT NULL,
    lwm2m_version TEXT NOT NULL,
    binding TEXT NOT NULL,
    queue_mode INTEGER NOT NULL,
    lifetime_s INTEGER NOT NULL,
    links TEXT NOT NULL,
    registered_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
, checksum INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
INSERT INTO nodes VALUES('lamp','r1','[::1]:5683','1.1','UQ',1,60,'</3/0>',1,2,3,1025606334);

-- Table  observations
CREATE TABLE observations (
    endpoint TEXT NOT NULL,
    path TEXT NOT NULL,
    attributes TEXT NOT NULL, checksum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (endpoint, path)
) STRICT, WITHOUT ROWID;
INSERT INTO observations VALUES('lamp','/3416/0/3','pmax=60',205169552);

-- Table  payloads
CREATE TABLE payloads (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,
    message BLOB NOT NULL,
    start INTEGER NOT NULL,
    uptime_ms INTEGER NOT NULL,
    unix_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
INSERT INTO payloads VALUES(1,X'64646464646464646464646464646464',X'6D',77,1000,1765000000000,299876456);
-- Triggers and indices on  payloads
CREATE INDEX payload_digests ON payloads (digest);

-- Table  properties
CREATE TABLE properties (
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
, checksum INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
INSERT INTO properties VALUES('epoch',77,811770020);

-- Table  readings
CREATE TABLE readings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    boot INTEGER,
    sequence INTEGER,
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    value ANY NOT NULL,
    time_ms INTEGER NOT NULL,
    time_source TEXT NOT NULL,
    stated_time TEXT,
    class INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    received_ms INTEGER NOT NULL, checksum INTEGER NOT NULL DEFAULT 0,
    UNIQUE (endpoint_id, boot, sequence)
) STRICT;
INSERT INTO readings VALUES(1,1,1,7,'/3416/0/3','i',50,1765000000000,'node',NULL,2,1,1765000000000,371498906);
INSERT INTO readings VALUES(2,1,1,8,'/3416/0/3','d','21.5',1765000000000,'node',NULL,2,1,1765000000000,2807127270);
INSERT INTO readings VALUES(3,1,1,9,'/3416/0/5','b',1,1765000000000,'node',NULL,0,0,1765000000000,3617404351);
INSERT INTO readings VALUES(4,1,NULL,NULL,'/27999/0/1','s','text',1765000000000,'node',NULL,2,1,1765000000000,4133366584);
-- Triggers and indices on  readings
CREATE UNIQUE INDEX timed_readings ON readings (endpoint_id, path, time_ms, kind, value)
    WHERE sequence IS NULL AND time_source = 'node';
CREATE INDEX urgent_readings ON readings (id) WHERE lane = 0;

-- Table  replays
CREATE TABLE replays (
    id INTEGER PRIMARY KEY,
    uplink TEXT NOT NULL,
    endpoint TEXT,
    first_id INTEGER,
    last_id INTEGER,
    from_ms INTEGER,
    to_ms INTEGER,
    urgent_to INTEGER NOT NULL,
    measurement_to INTEGER NOT NULL,
    position INTEGER NOT NULL,
    resent INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    finished_ms INTEGER,
    is_cancelled INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
-- Triggers and indices on  replays
CREATE INDEX unfinished_replays ON replays (uplink) WHERE finished_ms IS NULL;

-- Table  sheds
CREATE TABLE sheds (
    id INTEGER PRIMARY KEY,
    uplink TEXT NOT NULL,
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    boot INTEGER,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    noted_ms INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
-- Triggers and indices on  sheds
CREATE INDEX node_sheds ON sheds (endpoint_id);

-- For primary key autoincrements the next id to use is stored in
-- sqlite_sequence
DELETE FROM main.sqlite_sequence WHERE name='readings';
INSERT INTO main.sqlite_sequence VALUES ('readings', 4);

-- Database header
pragma user_version=5;
pragma application_id=1178751559;

COMMIT TRANSACTION;
