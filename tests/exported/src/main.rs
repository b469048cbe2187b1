//! Writes the cases into a folder: `write FOLDER`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::path::PathBuf::from(std::env::args().nth(1).ok_or("usage: exported-tests FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    for case in exported_tests::cases(&folder)? {
        println!("{}", case.name);
    }
    Ok(())
}
