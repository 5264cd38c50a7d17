//! `headroom master`: the loudness of what it wrote, and its peaks by ideal interpolation.

use crate::table::{Done, Table};
use crate::take::json;
use headroom_e2e::Headroom;
use headroom_e2e::measure::signal::{apart, db};
use headroom_e2e::measure::song::{Mix, song};
use headroom_e2e::measure::spectrum::true_peak;
use headroom_e2e::measure::{Sound, read, write};
use std::path::{Path, PathBuf};

/// Target, loudness, ceiling, and whether the loudness is a limit.
const TARGETS: [(&str, f64, f64, bool); 6] = [
    ("spotify", -14.0, -1.0, false),
    ("apple", -16.0, -1.0, false),
    ("youtube", -14.0, -1.0, false),
    ("ebu-r128", -23.0, -1.0, false),
    ("cd", -9.0, -0.3, true),
    ("vinyl", -14.0, -3.0, true),
];

fn put(folder: &Path, name: &str, mix: Mix, rate: u32, dbfs: f64) -> Result<PathBuf, String> {
    let path = folder.join(name);
    write(&path, &Sound { rate, channels: song(mix, f64::from(rate), 12.0, dbfs) })?;
    Ok(path)
}

/// Masters files into a directory.
fn master(files: &[&Path], out: &Path, more: &[&str]) -> Result<(), String> {
    let mut command = Headroom::command(&["master", "--out"]);
    let ran = command.arg(out).args(files).args(more).output().map_err(|e| e.to_string())?;
    if ran.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ran.stderr).into_owned()) }
}

fn integrated(file: &Path) -> Result<f64, String> {
    let told = json(&["analyze", "--json", &file.display().to_string()])?;
    Ok(told[0]["integrated"].as_f64().unwrap_or(f64::NAN))
}

/// The largest true peak of a file's channels, dBTP.
fn peak_of(file: &Path) -> Result<f64, String> {
    Ok(read(file)?.channels.iter().map(|c| db(true_peak(c))).fold(f64::NEG_INFINITY, f64::max))
}

pub fn targets(t: &mut Table) -> Done {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let songs = [
        ("dense", put(folder.path(), "dense.wav", Mix::Dense, 48_000, -0.1)?),
        ("dynamic", put(folder.path(), "dynamic.wav", Mix::Dynamic, 48_000, -6.0)?),
        ("dynamic, 44.1 kHz", put(folder.path(), "other.wav", Mix::Dynamic, 44_100, -20.0)?),
    ];
    for (target, loudness, ceiling, limit) in TARGETS {
        for (name, song) in &songs {
            let out = folder.path().join(target);
            master(&[song], &out, &["--target", target])?;
            let file = out.join(song.file_name().unwrap_or_default());
            let off = integrated(&file)? - loudness;
            if limit {
                t.most(format!("{target}, {name}: integrated over the limit"), off, 0.0, "LU");
            } else {
                t.most(format!("{target}, {name}: integrated, distance from the target"), off.abs(), 0.1, "LU");
            }
            t.most(format!("{target}, {name}: over the ceiling"), peak_of(&file)? - ceiling, 0.0, "dB");
        }
    }
    Ok(())
}

pub fn album(t: &mut Table) -> Done {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let songs =
        [put(folder.path(), "loud.wav", Mix::Dense, 48_000, -9.0)?, put(folder.path(), "quiet.wav", Mix::Dense, 48_000, -15.0)?];
    let files: Vec<&Path> = songs.iter().map(PathBuf::as_path).collect();
    let out = folder.path().join("album");
    master(&files, &out, &["--target", "ebu-r128", "--bits", "32f"])?;
    let masters: Vec<PathBuf> = files.iter().map(|f| out.join(f.file_name().unwrap_or_default())).collect();
    let before = integrated(files[0])? - integrated(files[1])?;
    let after = integrated(&masters[0])? - integrated(&masters[1])?;
    t.most("album: the songs' distance in loudness, change", (after - before).abs(), 0.01, "LU");
    // One gain and nothing else, as long as the limiter has nothing to do.
    let (x, y) = (read(files[0])?.channels.swap_remove(0), read(&masters[0])?.channels.swap_remove(0));
    let gain = y.iter().zip(&x).map(|(y, x)| y * x).sum::<f64>() / x.iter().map(|x| x * x).sum::<f64>();
    let scaled: Vec<f64> = x.iter().map(|x| x * gain).collect();
    t.most("album: a song less itself at the gain", apart(&y, &scaled), -140.0, "dBFS");
    Ok(())
}
