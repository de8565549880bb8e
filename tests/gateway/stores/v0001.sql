-- Tables like: (All)

-- The values of various per-database settings
PRAGMA page_size=4096;
-- PRAGMA encoding='UTF-8';
-- PRAGMA auto_vacuum=NONE;
-- PRAGMA max_page_count=4294967294;

BEGIN TRANSACTION;

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
) STRICT;
INSERT INTO commands VALUES('c1','lamp','write',1000,2000,'queued','/3416/0/49','d','1.5',NULL,NULL,NULL,0,NULL,'',NULL,'city','answers',X'01',0);
-- Triggers and indices on  commands
CREATE INDEX finished_commands ON commands (finished_ms) WHERE finished_ms IS NOT NULL;
CREATE INDEX unfinished_commands ON commands (created_ms) WHERE finished_ms IS NULL;
CREATE INDEX unreported_commands ON commands (origin, finished_ms)
    WHERE is_reported = 0 AND finished_ms IS NOT NULL;

-- Table  counters
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES('packs',1);

-- Table  cursors
CREATE TABLE cursors (
    uplink TEXT NOT NULL,
    lane INTEGER NOT NULL,
    reading_id INTEGER NOT NULL,
    PRIMARY KEY (uplink, lane)
) STRICT, WITHOUT ROWID;
INSERT INTO cursors VALUES('city',1,1);

-- Table  endpoints
CREATE TABLE endpoints (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO endpoints VALUES(1,'lamp');

-- Table  facts
CREATE TABLE facts (
    endpoint TEXT NOT NULL,
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    value ANY NOT NULL,
    PRIMARY KEY (endpoint, path)
) STRICT, WITHOUT ROWID;

-- Table  incidents
CREATE TABLE incidents (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
INSERT INTO incidents VALUES(1,1765000000000,'uplink_lost','city','refused');

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
) STRICT, WITHOUT ROWID;
INSERT INTO nodes VALUES('lamp','r1','[::1]:5683','1.1','UQ',1,60,'</3/0>',1,2,3);

-- Table  observations
CREATE TABLE observations (
    endpoint TEXT NOT NULL,
    path TEXT NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (endpoint, path)
) STRICT, WITHOUT ROWID;
INSERT INTO observations VALUES('lamp','/3416/0/3','pmax=60');

-- Table  properties
CREATE TABLE properties (
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO properties VALUES('epoch',77);

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
    received_ms INTEGER NOT NULL,
    UNIQUE (endpoint_id, boot, sequence)
) STRICT;
INSERT INTO readings VALUES(1,1,1,7,'/3416/0/3','i',50,1765000000000,'node',NULL,2,1,1765000000000);
INSERT INTO readings VALUES(2,1,1,8,'/3416/0/3','d','21.5',1765000000000,'node',NULL,2,1,1765000000000);
INSERT INTO readings VALUES(3,1,1,9,'/3416/0/5','b',1,1765000000000,'node',NULL,0,0,1765000000000);
INSERT INTO readings VALUES(4,1,NULL,NULL,'/27999/0/1','s','text',1765000000000,'node',NULL,2,1,1765000000000);
-- Triggers and indices on  readings
CREATE INDEX urgent_readings ON readings (id) WHERE lane = 0;

-- For primary key autoincrements the next id to use is stored in
-- sqlite_sequence
DELETE FROM main.sqlite_sequence WHERE name='readings';
INSERT INTO main.sqlite_sequence VALUES ('readings', 4);

pragma user_version=1;
pragma application_id=1178751559;

COMMIT TRANSACTION;

