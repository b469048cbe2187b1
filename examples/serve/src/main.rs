//! `serve NET.onnx`.

use std::process::ExitCode;

use serve::{Arguments, Failure, HELP, Model, Rule, Server};

fn main() -> ExitCode {
    match run() {
        Ok(status) => status,
        Err(failure) => {
            eprintln!("serve: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode, Failure> {
    let Some(arguments) = Arguments::parse(std::env::args_os().skip(1))? else {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    let model = Model::load(&arguments.net)?;
    let rule = Rule::new(&model, arguments.refuse_above, arguments.noise, arguments.level)?;
    println!("{}: {}", arguments.net.display(), model.summary());
    println!("{}", rule.summary(&model));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(arguments.limits.workers)
        .build()?;
    runtime.block_on(async {
        let server = Server::bind(&arguments.address, model, rule, arguments.limits).await?;
        println!("listening on http://{}", server.address());
        let left = server.run(signal()?).await;
        if left == 0 {
            println!("stopped; every request that was taken is answered");
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("serve: stopped with {left} connections open after the time of grace");
        Ok(ExitCode::FAILURE)
    })
}

/// Comes with Ctrl-C or, where there is one, SIGTERM.
fn signal() -> Result<impl Future<Output = ()>, Failure> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await.ok();
        println!("stopping");
    })
}
